"""One heart fitted to one ECG: conduction, repolarisation and stimuli of a simulation."""
