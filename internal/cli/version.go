package cli

import (
	"context"
	"fmt"
	"runtime"

	"github.com/binnaclehq/binnacle/internal/lang"
)

func versionCommand() *command {
	var out string
	return &command{
		use: "version", short: lang.T("Say which version this is, and the server's.", "Dice qué versión es, y la del servidor."),
		examples: []example{{lang.T("Both", "Ambas"), "binnacle version --server https://binnacle.example"}},
		access:   offline(),
		flags: func(f *flags) {
			f.choice(&out, "output", "o", "text", []string{"text", "json"}, lang.T("What to print", "Qué se imprime"))
		},
		run: func(ctx context.Context, s *session, _ []string) error {
			v := versions{Binnacle: s.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			if server := s.place.server; server != "" {
				if err := s.place.settle(&logins{Servers: map[string]login{}}); err != nil {
					return err
				}
				v.Server = &serverVersion{Address: s.place.server}
				if err := s.client(s.place.server, s.tokenFor(s.place)).get(ctx, "/version", nil, v.Server); err != nil {
					return err
				}
			}
			return s.writeVersion(out, v)
		},
	}
}

type versions struct {
	Binnacle string         `json:"binnacle"`
	Go       string         `json:"go"`
	Platform string         `json:"platform"`
	Server   *serverVersion `json:"server,omitempty"`
}

type serverVersion struct {
	Address string `json:"address"`
	Version string `json:"version"`
	Store   string `json:"store,omitempty"` // only for who may monitor
}

// tokenFor returns the token that was given or stored for the server at hand.
func (s *session) tokenFor(p place) string {
	if p.token != "" {
		return p.token
	}
	logins, err := s.readLogins()
	if err != nil {
		return ""
	}
	return logins.Servers[p.server].Token
}

func (s *session) writeVersion(out string, v versions) error {
	if out == "json" {
		return writeJSON(s.Out, v)
	}
	fmt.Fprintf(s.Out, "binnacle %s (%s, %s)\n", v.Binnacle, v.Go, v.Platform)
	if v.Server != nil {
		fmt.Fprintf(s.Out, "%s %s", v.Server.Address, printable(v.Server.Version))
		if v.Server.Store != "" {
			fmt.Fprintf(s.Out, " (%s)", printable(v.Server.Store))
		}
		fmt.Fprintln(s.Out)
	}
	return nil
}
