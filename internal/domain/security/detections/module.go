// Package detections is the part of the security room that holds what is looked for: rules
// and how they are tuned, indicators, gaps and hunts through the past.
package detections

import (
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/room"
	"github.com/binnaclehq/binnacle/internal/web"
)

// Config is what the part works with. Without a server it is empty: kinds and
// tables need nothing.
type Config struct{}

// Module returns what the part brings.
func Module(Config) room.Module {
	return room.Module{Module: web.Module{Room: web.Room{ID: auth.Security, Title: lang.T("Security", "Seguridad"), Icon: "security", Order: 50}}}
}
