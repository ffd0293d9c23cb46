// Package security is the room of security operations, put together from its
// parts, each a package below it: hunt, alerts, detections, coverage, sources.
package security

import (
	"github.com/binnaclehq/binnacle/internal/domain/security/alerts"
	"github.com/binnaclehq/binnacle/internal/domain/security/coverage"
	"github.com/binnaclehq/binnacle/internal/domain/security/detections"
	"github.com/binnaclehq/binnacle/internal/domain/security/hunt"
	"github.com/binnaclehq/binnacle/internal/domain/security/sources"
	"github.com/binnaclehq/binnacle/internal/room"
)

// Config is what the parts work with. Its zero value gives kinds, tables, texts
// and pages that answer nothing: what is needed without a server.
type Config struct {
	Hunt       hunt.Config
	Alerts     alerts.Config
	Detections detections.Config
	Coverage   coverage.Config
	Sources    sources.Config
}

// Modules returns the parts of the room, in the order of the navigation.
func Modules(c Config) []room.Module {
	return []room.Module{hunt.Module(c.Hunt), detections.Module(c.Detections), alerts.Module(c.Alerts), coverage.Module(c.Coverage), sources.Module(c.Sources)}
}
