"""Twelve-lead recordings from files of many formats, and their mean beats."""
