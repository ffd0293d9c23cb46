// Package disk tells how much room there is where files are kept.
package disk
