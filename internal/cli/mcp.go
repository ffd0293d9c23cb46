package cli

import (
	"context"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/lang"
)

func mcpCommand() *command {
	return &command{
		use: "mcp", short: lang.T("Serve an assistant over standard input and output (MCP).", "Atiende a un asistente por la entrada y salida estándar (MCP)."),
		long: lang.T(`Speak the Model Context Protocol over standard input and output: an assistant on this
machine searches, reads and changes the data folder with your rights. A server speaks it
over HTTP, at /mcp, with the rights of a token.`,
			`Habla el Model Context Protocol por la entrada y salida estándar: un asistente de esta
máquina busca, lee y cambia la carpeta de datos con tus derechos. Un servidor lo habla por
HTTP, en /mcp, con los derechos de un token.`),
		examples: []example{{lang.T("As the command of a client's configuration", "Como orden en la configuración de un cliente"), "binnacle mcp --data /var/lib/binnacle"}},
		access:   onHouse(auth.Read, ""),
		run: func(ctx context.Context, s *session, _ []string) error {
			at, err := s.open(ctx)
			if err != nil {
				return err
			}
			if at.local == nil {
				return failed(exitUsage, "a server speaks MCP itself", "un servidor habla MCP por sí mismo").
					hinting("give your client the address %s/mcp and a token (binnacle token create)", "da a tu cliente la dirección %s/mcp y un token (binnacle token create)", at.where)
			}
			who := at.local.who
			who.Via = "mcp"
			return s.MCP(ctx, at.local.Ground, who, s.In, s.Out)
		},
	}
}
