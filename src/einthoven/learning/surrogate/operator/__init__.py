"""Lead fields of any body: the incident field is solved, what the heart does to it is learned."""
