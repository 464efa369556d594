"""What people see of the results: the figures of stage plot, and the table and the page of a comparison."""
