"""Lead fields of any body: the incident field is computed, the effect of the heart is learned."""
