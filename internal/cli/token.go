package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/lang"
)

func tokenCommand() *command {
	return &command{
		use: "token", aliases: []string{"tokens"}, short: lang.T("Make secrets by which machines act.", "Crea secretos con los que actúan las máquinas."),
		children: []*command{tokenCreateCommand(), tokenListCommand(), tokenRevokeCommand()},
	}
}

// creatingToken is the flags of token create.
type creatingToken struct {
	newToken
	scopes            []string
	cap, expires, out string
}

func tokenCreateCommand() *command {
	var c creatingToken
	return &command{
		use: "create NAME", aliases: []string{"add"}, short: lang.T("Make a token; its secret is printed this once.", "Crea un token; su secreto se imprime solo esta vez."),
		long: lang.T(`Make a token with one's own rights, narrowed by its scopes and a role. The secret goes
to standard output, alone, and is not kept anywhere.

A scope is a verb (read, comment, write, delete, self, admin, audit, backup, monitor),
or a verb in one room, as write:strategy.`,
			`Crea un token con los derechos propios, reducidos por sus ámbitos y una función. El
secreto va solo a la salida estándar y no se guarda en ninguna parte.

Un ámbito es un verbo (read, comment, write, delete, self, admin, audit, backup,
monitor), o un verbo en una sala, como write:strategy.`),
		examples: []example{
			{lang.T("For a pipeline that applies decisions", "Para un proceso que aplica decisiones"), "binnacle token create adr-pipeline --scope write:strategy --expires 90d"},
			{lang.T("For a machine that only writes events", "Para una máquina que solo escribe eventos"), "binnacle token create shop-logs --ingest"},
			{lang.T("Of somebody else, in the data folder", "De otra persona, en la carpeta de datos"), "binnacle token create robot --owner ana@example.org --data ./data"},
		},
		access: onHouse(auth.Self, ""), min: 1, max: 1,
		flags: func(f *flags) {
			f.texts(&c.scopes, "scope", "", lang.T("What it may do (`SCOPE`); read when not given; repeat for several.", "Qué puede hacer (`SCOPE`); read si falta; repítela para varios."))
			f.choice(&c.cap, "role", "", "", roles(), lang.T("It may do no more than this `ROLE`", "No puede hacer más que esta función (`ROLE`)"))
			f.text(&c.expires, "expires", "", "", lang.T("When it ends: 90d, or 2027-01-31 (`WHEN`); after 90 days when not given, 366 at most.", "Cuándo termina: 90d, o 2027-01-31 (`WHEN`); a los 90 días si falta, 366 como mucho."))
			f.text(&c.owner, "owner", "", "", lang.T("Whose rights it has (`EMAIL`); only in a data folder.", "De quién son los derechos (`EMAIL`); solo en una carpeta de datos."))
			f.yes(&c.ingest, "ingest", "", lang.T("It only writes events, and belongs to nobody.", "Solo escribe eventos, y no es de nadie."))
			tableFlag(f, &c.out)
		},
		run: c.run,
	}
}

func (c *creatingToken) run(ctx context.Context, s *session, args []string) error {
	var err error
	c.name, c.newToken.cap = args[0], auth.Role(c.cap)
	if c.newToken.expires, err = s.until(c.expires); err != nil {
		return err
	}
	if len(c.scopes) == 0 {
		c.scopes = []string{"read"}
	}
	for _, scope := range c.scopes {
		c.newToken.scopes = append(c.newToken.scopes, auth.Scope(scope))
	}
	at, err := s.open(ctx)
	if err != nil {
		return err
	}
	t, secret, err := at.CreateToken(ctx, c.newToken)
	if err != nil {
		return err
	}
	if c.out == "json" {
		return writeJSON(s.Out, struct {
			tokenLine
			Secret string `json:"secret"`
		}{lineOf(t), secret})
	}
	s.tell("Token %s (%s), until %s UTC. Its secret is not shown again:", "Token %s (%s), hasta %s UTC. Su secreto no se vuelve a mostrar:", t.Name, t.ID, moment(t.Expires))
	fmt.Fprintln(s.Out, secret)
	return nil
}

// tokenLine is a token in a list.
type tokenLine struct {
	ID        string       `json:"id"`
	Name      string       `json:"name"`
	Prefix    string       `json:"prefix"`
	Owner     string       `json:"owner,omitempty"`
	Scopes    []auth.Scope `json:"scopes"`
	Cap       auth.Role    `json:"cap,omitempty"`
	CreatedBy string       `json:"createdBy,omitempty"`
	Created   time.Time    `json:"created"`
	Expires   time.Time    `json:"expires"`
	Used      time.Time    `json:"used,omitzero"`
}

func lineOf(t auth.Token) tokenLine {
	return tokenLine{t.ID, t.Name, t.Prefix, t.Owner, t.Scopes, t.Cap, t.CreatedBy, t.Created, t.Expires, t.Used}
}

func tokenListCommand() *command {
	var out string
	var all bool
	return &command{
		use: "list", aliases: []string{"ls"}, short: lang.T("List tokens, without their secrets.", "Enumera tokens, sin sus secretos."),
		examples: []example{{lang.T("One's own, or the organisation's", "Los propios, o los de la organización"), "binnacle token list; binnacle token list --all"}},
		access:   onHouse(auth.Self, ""),
		flags: func(f *flags) {
			f.yes(&all, "all", "", lang.T("Those of the whole organisation.", "Los de toda la organización."))
			tableFlag(f, &out)
		},
		run: func(ctx context.Context, s *session, _ []string) error {
			at, err := s.open(ctx)
			if err != nil {
				return err
			}
			list, err := at.Tokens(ctx, all)
			if err != nil {
				return err
			}
			return s.writeTokens(out, list)
		},
	}
}

func (s *session) writeTokens(out string, list []auth.Token) error {
	lines := []tokenLine{}
	for _, t := range list {
		lines = append(lines, lineOf(t))
	}
	if out == "json" {
		return writeJSON(s.Out, lines)
	}
	t := &table{head: s.heads(lang.T("Id", "Id"), lang.T("Name", "Nombre"), lang.T("Begins", "Empieza"), lang.T("Owner", "De"), lang.T("Scopes", "Ámbitos"), lang.T("Used", "Usado"), lang.T("Until", "Hasta"))}
	for _, l := range lines {
		until := plain(moment(l.Expires))
		if l.Expires.Before(s.now()) {
			until = cell{s.say(lang.T("ended", "terminado")), "idle"}
		}
		t.add(plain(l.ID), plain(l.Name), plain(l.Prefix), plain(l.Owner), plain(scopeText(l)), plain(s.ago(l.Used)), until)
	}
	return s.write(t)
}

func scopeText(l tokenLine) string {
	var parts []string
	for _, scope := range l.Scopes {
		parts = append(parts, string(scope))
	}
	text := strings.Join(parts, ",")
	if l.Cap != "" {
		text += " (" + string(l.Cap) + ")"
	}
	return text
}

func tokenRevokeCommand() *command {
	return &command{
		use: "revoke ID…", aliases: []string{"delete", "rm"}, short: lang.T("End tokens at once.", "Anula tokens."),
		examples: []example{{lang.T("A token that leaked", "Un token que se filtró"), "binnacle token revoke 4kd3n2…"}},
		access:   onHouse(auth.Self, ""), min: 1, max: -1,
		run: func(ctx context.Context, s *session, args []string) error {
			at, err := s.open(ctx)
			if err != nil {
				return err
			}
			for _, id := range args {
				if err := at.RevokeToken(ctx, id); err != nil {
					return err
				}
				s.print("%s is revoked", "%s está anulado", id)
			}
			return nil
		},
	}
}
