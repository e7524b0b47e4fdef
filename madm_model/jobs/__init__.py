"""One adaptation as a job: asked for, checked, run, judged by the gate, told in a report."""
