"""Lead fields and ECGs of patients from trained models."""
