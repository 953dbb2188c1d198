"""Polls and quizzes: made, voted in, closed."""
