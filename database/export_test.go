package database

// RestoreBy is Restore that calls a function after each of its steps.
var RestoreBy = restoreBy
