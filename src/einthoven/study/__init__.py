"""Questions to one finished patient: is its lead field right, and what moves its ECG?"""
