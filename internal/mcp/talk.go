package mcp

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/talk"
)

const threadsMost, threadsUsual = 100, 20

type commentsIn struct {
	Ref   string `json:"ref" jsonschema:"a reference, as component:checkout"`
	Limit int    `json:"limit,omitempty" jsonschema:"how many threads, the newest, at most 100; 20 when not given"`
}

type commentsOut struct {
	Threads []thread `json:"threads" jsonschema:"the oldest first"`
}

type thread struct {
	remark
	Replies []remark `json:"replies,omitempty"`
}

type remark struct {
	ID        string `json:"id"`
	Kind      string `json:"kind" jsonschema:"comment, dispute, answer or approval"`
	By        string `json:"by"`
	At        string `json:"at"`
	Body      string `json:"body,omitempty" jsonschema:"Markdown; nothing when it was withdrawn"`
	Open      bool   `json:"open,omitempty" jsonschema:"a dispute that its owner has not answered"`
	Corrects  string `json:"corrects,omitempty" jsonschema:"the id of the comment this one corrects"`
	Withdrawn bool   `json:"withdrawn,omitempty"`
}

type commentIn struct {
	Ref    string `json:"ref" jsonschema:"a reference, as component:checkout"`
	Body   string `json:"body" jsonschema:"what to say, in Markdown"`
	Reply  string `json:"reply,omitempty" jsonschema:"the id of the comment it replies to"`
	DryRun *bool  `json:"dryRun,omitempty" jsonschema:"true says nothing, and is what happens when it is not given; false says it"`
}

type commentOut struct {
	DryRun bool     `json:"dryRun"`
	ID     string   `json:"id,omitempty"`
	Calls  []string `json:"calls,omitempty" jsonschema:"the names after an @"`
}

// record reads the entity that a call is about.
func (t *tools) record(ctx context.Context, text string) (*entity.Entity, error) {
	ref, err := t.ref(text)
	if err != nil {
		return nil, err
	}
	return t.Catalog.Get(ctx, t.caller, ref)
}

func remarkOf(c talk.Comment) remark {
	return remark{ID: c.ID, Kind: string(c.Kind), By: c.By, At: c.Created.Format(time.RFC3339), Body: c.Body, Open: c.Open(), Corrects: c.Corrects, Withdrawn: !c.Withdrawn.IsZero()}
}

func (t *tools) comments(ctx context.Context, in commentsIn) (commentsOut, string, error) {
	out := commentsOut{Threads: []thread{}}
	e, err := t.record(ctx, in.Ref)
	if err != nil {
		return out, "", err
	}
	list, err := t.Talk.List(ctx, t.caller.Principal, e, time.Time{}, within(in.Limit, threadsUsual, threadsMost))
	if err != nil {
		return out, "", err
	}
	var b strings.Builder
	write := func(r remark, by string) {
		fmt.Fprintf(&b, "%s%s (%s, %s, %s): %s\n", by, r.By, r.Kind, r.At, r.ID, strings.ReplaceAll(r.Body, "\n", "\n"+by))
	}
	for _, th := range list {
		one := thread{remark: remarkOf(th.Comment)}
		write(one.remark, "")
		for _, r := range th.Replies {
			one.Replies = append(one.Replies, remarkOf(r))
			write(remarkOf(r), "  ")
		}
		out.Threads = append(out.Threads, one)
	}
	if len(list) == 0 {
		b.WriteString("Nobody has said anything.")
	}
	return out, b.String(), nil
}

func (t *tools) comment(ctx context.Context, in commentIn) (commentOut, string, error) {
	out := commentOut{DryRun: in.DryRun == nil || *in.DryRun}
	e, err := t.record(ctx, in.Ref)
	if err != nil {
		return out, "", err
	}
	for _, m := range talk.Mentions(in.Body) {
		out.Calls = append(out.Calls, m.Text)
	}
	if out.DryRun {
		k, err := t.Catalog.Kinds().Find(e.Kind)
		if err == nil {
			err = t.caller.Can(auth.Comment, k.Resource())
		}
		return out, "A dry run: nothing was said.", err
	}
	c, err := t.Talk.Add(ctx, t.caller, e, talk.Draft{Thread: in.Reply, Body: in.Body})
	out.ID = c.ID
	return out, "Said, as " + c.ID + ".", err
}
