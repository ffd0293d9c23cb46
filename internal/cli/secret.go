package cli

import (
	"context"
	"io"
	"net/url"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/lang"
)

func secretCommand() *command {
	return &command{
		use: "secret", aliases: []string{"secrets"}, short: lang.T("Keep secrets that are sent to other systems.", "Guarda secretos que se envían a otros sistemas."),
		children: []*command{secretSet(), secretList(), secretDelete()},
	}
}

// maxSecretInput is how much of standard input is read for a secret, in bytes.
const maxSecretInput = 16 << 10

func secretSet() *command {
	return &command{
		use: "set NAME", short: lang.T("Store a secret, read from standard input.", "Guarda un secreto, leído de la entrada estándar."),
		long: lang.T("Store a secret under a name, in the place of the one before. Its value is read from standard input, so that it stands in no history of commands, and is never shown again. A test names it in number.secret.",
			"Guarda un secreto con un nombre, en lugar del anterior. Su valor se lee de la entrada estándar, para que no quede en ningún historial de órdenes, y no se vuelve a mostrar. Una prueba lo nombra en number.secret."),
		examples: []example{{lang.T("From a file", "Desde un archivo"), "binnacle secret set status-page < token.txt"}},
		access:   onHouse(auth.Admin, auth.KindSettings), min: 1, max: 1,
		run: func(ctx context.Context, s *session, args []string) error {
			at, err := s.open(ctx)
			if err != nil {
				return err
			}
			if _, err := at.Secrets(ctx); err != nil {
				return err // before anybody types the secret
			}
			if s.InTTY {
				s.tell("Type the secret, then Enter and Ctrl+D.", "Escribe el secreto, luego Intro y Ctrl+D.")
			}
			data, err := io.ReadAll(io.LimitReader(s.In, maxSecretInput))
			if err != nil {
				return err
			}
			value := strings.TrimRight(string(data), "\r\n")
			if value == "" {
				return usage("standard input is empty", "la entrada estándar está vacía").hinting("binnacle secret set %s < FILE", "binnacle secret set %s < ARCHIVO", args[0])
			}
			if err := at.SetSecret(ctx, args[0], value); err != nil {
				return err
			}
			s.print("secret %s is set", "el secreto %s está guardado", args[0])
			return nil
		},
	}
}

func secretList() *command {
	var out string
	return &command{
		use: "list", aliases: []string{"ls"}, short: lang.T("List the secrets, without their values.", "Enumera los secretos, sin sus valores."),
		examples: []example{{lang.T("All", "Todos"), "binnacle secret list"}},
		access:   onHouse(auth.Admin, auth.KindSettings),
		flags:    func(f *flags) { tableFlag(f, &out) },
		run: func(ctx context.Context, s *session, _ []string) error {
			at, err := s.open(ctx)
			if err != nil {
				return err
			}
			list, err := at.Secrets(ctx)
			if err != nil {
				return err
			}
			if out == "json" {
				return writeJSON(s.Out, append([]auth.Secret{}, list...))
			}
			t := &table{head: s.heads(lang.T("Name", "Nombre"), lang.T("Set", "Puesto"), lang.T("By", "Por"))}
			for _, x := range list {
				t.texts(x.Name, moment(x.Updated), x.By)
			}
			return s.write(t)
		},
	}
}

func secretDelete() *command {
	return &command{
		use: "delete NAME", aliases: []string{"remove", "rm"}, short: lang.T("Delete a secret.", "Borra un secreto."),
		examples: []example{{lang.T("One that is no longer needed", "Uno que ya no hace falta"), "binnacle secret delete status-page"}},
		access:   onHouse(auth.Admin, auth.KindSettings), min: 1, max: 1,
		run: func(ctx context.Context, s *session, args []string) error {
			at, err := s.open(ctx)
			if err != nil {
				return err
			}
			if err := at.DeleteSecret(ctx, args[0]); err != nil {
				return err
			}
			s.print("secret %s is deleted", "el secreto %s está borrado", args[0])
			return nil
		},
	}
}

func (l *local) Secrets(ctx context.Context) ([]auth.Secret, error) {
	return l.Auth.Secrets(ctx, l.who)
}

func (l *local) SetSecret(ctx context.Context, name, value string) error {
	return l.Auth.SetSecret(ctx, l.who, name, value)
}

func (l *local) DeleteSecret(ctx context.Context, name string) error {
	return l.Auth.DeleteSecret(ctx, l.who, name)
}

func (r *remote) Secrets(ctx context.Context) ([]auth.Secret, error) {
	var out struct{ Items []auth.Secret }
	err := r.get(ctx, "/secrets", nil, &out)
	return out.Items, err
}

func (r *remote) SetSecret(ctx context.Context, name, value string) error {
	return r.send(ctx, "PUT", "/secrets/"+url.PathEscape(name), nil, map[string]string{"value": value}, nil)
}

func (r *remote) DeleteSecret(ctx context.Context, name string) error {
	return r.json(ctx, ask{method: "DELETE", path: "/secrets/" + url.PathEscape(name)}, nil)
}
