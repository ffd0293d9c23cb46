package api

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"testing"
)

func TestDevServer(t *testing.T) {
	addr := os.Getenv("DEV_ADDR")
	if addr == "" {
		t.Skip()
	}
	h := onSQLite(t)
	newNegative(t, h)
	os.WriteFile("/tmp/api-token", []byte(h.tokens["owner"]), 0o600)
	l, err := net.Listen("tcp", addr)
	check(t, err)
	fmt.Println("serving")
	http.Serve(l, h.handler)
}
