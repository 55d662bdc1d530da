"""Networks from the 12-lead ECG to an activation map: architectures, training, scores."""
