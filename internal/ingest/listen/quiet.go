package listen

import (
	"bytes"
	"errors"
	"log"
)

// quiet is a log of a server of net/http whose lines are failures of the collector: a
// handshake that failed, a connection that broke.
func quiet(c *collector) *log.Logger { return log.New(lineWriter{c}, "", 0) }

type lineWriter struct{ c *collector }

func (w lineWriter) Write(p []byte) (int, error) {
	w.c.broke(errors.New(string(bytes.TrimSpace(p))))
	return len(p), nil
}
