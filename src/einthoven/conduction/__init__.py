"""How the heart is excited: conduction tree, wave through the wall, action potential."""
