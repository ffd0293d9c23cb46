package action

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Watch tells the organisations' webhooks what happens. The key of a delivery is
// the entry's, so that a replay logs nothing new.
func (h *Hooks) Watch() feed.Watch {
	return feed.Watch{Name: "action/webhooks", FromNow: true, Batch: 500, Handle: h.deliver}
}

func (h *Hooks) deliver(ctx context.Context, tx *sqldb.Tx, batch []feed.Entry) error {
	hooks, err := h.query(ctx, tx, `account = '' AND disabled = 0`)
	if err != nil || len(hooks) == 0 {
		return err
	}
	var log []Act
	for _, e := range batch {
		for _, k := range hooks {
			if k.Org != e.Org || !k.wants(e.Type) || e.At.Before(k.Created) {
				continue
			}
			a, err := delivery(k, e)
			if err != nil {
				return err
			}
			log = append(log, a)
		}
	}
	return Log(ctx, tx, log...)
}

// happened is what a delivery says of an entry: what it is about and who did it,
// and not what the record holds, which the receiver may read with a token.
type happened struct {
	Seq   int64           `json:"seq"`
	Ref   string          `json:"ref,omitempty"`
	UID   string          `json:"uid,omitempty"`
	Rev   int64           `json:"rev,omitempty"`
	Actor string          `json:"actor,omitempty"`
	Data  json.RawMessage `json:"data,omitempty"`
}

func delivery(k Hook, e feed.Entry) (Act, error) {
	body, err := json.Marshal(Event{Type: e.Type, Timestamp: e.At.UTC().Truncate(time.Microsecond), Data: happened{e.Seq, e.Ref, e.UID, e.Rev, e.Actor, e.Data}})
	return Act{Org: k.Org, Key: "webhook/" + k.ID + "/" + strconv.FormatInt(e.Seq, 10), Kind: Webhook, Target: k.ID, Payload: body}, err
}
