// Package arch tests how the program is built: which package may import which,
// and that each says what it is for. It has no code of its own.
package arch
