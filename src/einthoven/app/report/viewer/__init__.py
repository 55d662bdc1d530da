"""The interactive 3-D view of a patient: one page that needs neither server nor network."""
