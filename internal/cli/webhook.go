package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// hooking is the flags that the commands of webhooks share.
type hooking struct {
	mine bool
	out  string
}

func (h *hooking) declare(f *flags) {
	f.yes(&h.mine, "mine", "", lang.T("One's own, which get one's notifications.", "Los propios, que reciben los avisos propios."))
}

func webhookCommand() *command {
	act := func(name string, aliases []string, short, corto, when, cuando, done, hecho string) *command {
		var h hooking
		return &command{
			use: name + " ID", aliases: aliases, short: lang.T(short, corto), examples: []example{{lang.T(when, cuando), "binnacle webhook " + name + " 4kd3n2…"}},
			access: onHouse(auth.Admin, auth.KindWebhook), min: 1, max: 1, flags: h.declare,
			run: func(ctx context.Context, s *session, args []string) error {
				at, err := s.open(ctx)
				if err != nil {
					return err
				}
				k, err := at.ChangeHook(ctx, h.mine, args[0], name)
				if err != nil {
					return err
				}
				s.tell(done, hecho, k.Name)
				if k.Secret != "" {
					fmt.Fprintln(s.Out, k.Secret)
				}
				return nil
			},
		}
	}
	return &command{
		use: "webhook", aliases: []string{"webhooks"}, short: lang.T("Tell other programs what happens.", "Cuenta a otros programas lo que pasa."),
		children: []*command{
			webhookCreateCommand(), webhookListCommand(), webhookDeliveriesCommand(),
			act("test", nil, "Send a test.", "Envía una prueba.", "Does it get through?", "¿Llega?", "A test is on its way to %s; binnacle webhook deliveries says how it ends.", "Va una prueba hacia %s; binnacle webhook deliveries dice cómo acaba."),
			act("disable", nil, "Stop a webhook, and what waits for it.", "Para un webhook, y lo que espera.", "While the receiver moves", "Mientras se muda quien recibe", "%s is disabled.", "%s está desactivado."),
			act("enable", nil, "Start it again.", "Lo activa de nuevo.", "It is back", "Ya volvió", "%s is enabled.", "%s está activado."),
			act("rotate", nil, "Give it a new secret; the present one signs beside it for a day.", "Le da un secreto nuevo; el actual firma a su lado un día.", "Once a year, or after a leak", "Una vez al año, o tras una filtración", "%s has a new secret, which is not shown again:", "%s tiene un secreto nuevo, que no se vuelve a mostrar:"),
			act("remove", []string{"rm", "delete"}, "Remove it.", "Lo quita.", "The receiver is gone", "Ya no hay quien reciba", "%s is removed.", "%s está quitado."),
		},
	}
}

func webhookCreateCommand() *command {
	var h hooking
	var types []string
	return &command{
		use: "create NAME URL", aliases: []string{"add"}, short: lang.T("Make a webhook; its secret is printed once.", "Crea un webhook; su secreto se imprime una vez."),
		long: lang.T("Make a webhook. It gets what happens as JSON, signed by the Standard Webhooks scheme: receivers check Webhook-Signature with the secret and drop a Webhook-Id they have seen.",
			"Crea un webhook. Recibe lo que pasa en JSON, con firma según Standard Webhooks: quien recibe comprueba Webhook-Signature con el secreto y descarta un Webhook-Id ya visto."),
		examples: []example{
			{lang.T("Comments, to a chat", "Los comentarios, a un chat"), "binnacle webhook create chat https://hooks.example.com/in --type 'comment.*'"},
			{lang.T("Everything", "Todo"), "binnacle webhook create archive https://archive.example.com/binnacle"},
		},
		access: onHouse(auth.Admin, auth.KindWebhook), min: 2, max: 2,
		flags: func(f *flags) {
			h.declare(f)
			f.texts(&types, "type", "", lang.T("What it is told (`TYPE`), as entity.updated or comment.*; repeat for several, everything without.", "Qué se le cuenta (`TYPE`), como entity.updated o comment.*; repítela para varios, todo si falta."))
		},
		run: func(ctx context.Context, s *session, args []string) error {
			at, err := s.open(ctx)
			if err != nil {
				return err
			}
			k, err := at.CreateHook(ctx, h.mine, hookLine{Name: args[0], URL: args[1], Types: types})
			if err != nil {
				return err
			}
			s.tell("Webhook %s (%s). Its secret is not shown again:", "Webhook %s (%s). Su secreto no se vuelve a mostrar:", k.Name, k.ID)
			fmt.Fprintln(s.Out, k.Secret)
			return nil
		},
	}
}

func webhookListCommand() *command {
	var h hooking
	return &command{
		use: "list", aliases: []string{"ls"}, short: lang.T("List webhooks, without their secrets.", "Enumera webhooks, sin sus secretos."),
		examples: []example{{lang.T("The organisation's, or one's own", "Los de la organización, o los propios"), "binnacle webhook list; binnacle webhook list --mine"}},
		access:   onHouse(auth.Admin, auth.KindWebhook),
		flags: func(f *flags) {
			h.declare(f)
			tableFlag(f, &h.out)
		},
		run: func(ctx context.Context, s *session, _ []string) error {
			at, err := s.open(ctx)
			if err != nil {
				return err
			}
			list, err := at.Hooks(ctx, h.mine)
			if err != nil {
				return err
			}
			if h.out == "json" {
				return writeJSON(s.Out, append([]hookLine{}, list...))
			}
			t := &table{head: s.heads(lang.T("Id", "Id"), lang.T("Name", "Nombre"), lang.T("Address", "Dirección"), lang.T("Types", "Tipos"), lang.T("State", "Estado"))}
			for _, k := range list {
				state := cell{s.say(lang.T("on", "activo")), "ok"}
				if !k.Disabled.IsZero() {
					state = cell{strings.TrimSpace(s.say(lang.T("disabled", "desactivado")) + " " + k.Reason), "idle"}
				}
				t.add(plain(k.ID), plain(k.Name), plain(k.URL), plain(strings.Join(k.Types, " ")), state)
			}
			return s.write(t)
		},
	}
}

var deliveryStates = map[string]string{"waiting": "info", "sent": "ok", "failed": "bad", "given up": "bad"}

func webhookDeliveriesCommand() *command {
	var h hooking
	return &command{
		use: "deliveries ID", short: lang.T("See what was sent to a webhook.", "Muestra lo enviado a un webhook."),
		examples: []example{{lang.T("Why does nothing arrive?", "¿Por qué no llega nada?"), "binnacle webhook deliveries 4kd3n2…"}},
		access:   onHouse(auth.Admin, auth.KindWebhook), min: 1, max: 1,
		flags: func(f *flags) {
			h.declare(f)
			tableFlag(f, &h.out)
		},
		run: func(ctx context.Context, s *session, args []string) error {
			at, err := s.open(ctx)
			if err != nil {
				return err
			}
			list, err := at.Deliveries(ctx, h.mine, args[0])
			if err != nil {
				return err
			}
			if h.out == "json" {
				return writeJSON(s.Out, append([]deliveryLine{}, list...))
			}
			t := &table{head: s.heads(lang.T("Id", "Id"), lang.T("When", "Cuándo"), lang.T("State", "Estado"), lang.T("Tries", "Intentos"), lang.T("Error", "Error"))}
			for _, d := range list {
				t.add(plain(d.ID), plain(moment(d.Created)), cell{d.State, deliveryStates[d.State]}, plain(fmt.Sprint(d.Attempts)), plain(d.Error))
			}
			return s.write(t)
		},
	}
}
