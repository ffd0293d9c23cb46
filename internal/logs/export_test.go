package logs

// Unopened is unopened, for causes that a test cannot bring about.
var Unopened = unopened
