"""The data model: a patient, the heart, and each stage of the making as a frozen class."""
