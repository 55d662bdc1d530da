"""The realism of simulated ECGs: how well can they be distinguished from those of people?"""
