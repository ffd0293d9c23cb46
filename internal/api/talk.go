package api

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/blob"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/talk"
)

// The shapes of comments, attachments, watches and notifications.

type comment struct {
	ID          string    `json:"id"`
	Thread      string    `json:"thread,omitempty" doc:"The comment that begins the thread; none for that one itself."`
	Kind        string    `json:"kind" enum:"comment,dispute,answer,approval"`
	Body        string    `json:"body" doc:"Markdown; empty when it was withdrawn."`
	Mentions    []string  `json:"mentions" doc:"People and groups that were called, as user:default/ana."`
	Account     string    `json:"account"`
	By          string    `json:"by" doc:"The name of who said it, then."`
	Created     time.Time `json:"created"`
	Edited      time.Time `json:"edited,omitzero"`
	Corrects    string    `json:"corrects,omitempty" doc:"The comment of the same author that this one corrects."`
	Closed      time.Time `json:"closed,omitzero" doc:"When the thread was resolved, or the dispute settled."`
	ClosedBy    string    `json:"closedBy,omitempty"`
	Withdrawn   time.Time `json:"withdrawn,omitzero"`
	WithdrawnBy string    `json:"withdrawnBy,omitempty"`
	Open        bool      `json:"open,omitempty" doc:"A dispute that its owner has not answered."`
	Ref         string    `json:"ref,omitempty" doc:"The record, where the address does not say it."`
	Replies     []comment `json:"replies,omitempty"`
}

type commentList struct {
	Items []comment `json:"items" doc:"The threads, the oldest first."`
}

type newComment struct {
	Body   string `json:"body" min:"1" max:"20000" doc:"Markdown; @ana calls a person, @group:platform a group."`
	Kind   string `json:"kind,omitempty" enum:"comment,dispute,answer,approval" doc:"comment when it is not given."`
	Thread string `json:"thread,omitempty" doc:"The comment it replies to."`
}

type commentText struct {
	Body string `json:"body" min:"1" max:"20000"`
}

type attachment struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Type      string    `json:"type" doc:"The media type, found in the content."`
	Size      int64     `json:"size" doc:"Bytes."`
	SHA256    string    `json:"sha256"`
	Account   string    `json:"account"`
	By        string    `json:"by"`
	Created   time.Time `json:"created"`
	Removed   time.Time `json:"removed,omitzero" doc:"Its content is gone; the name and the hash stay."`
	RemovedBy string    `json:"removedBy,omitempty"`
}

type attachmentList struct {
	Items []attachment `json:"items" doc:"The oldest first, removed ones too."`
}

type watch struct {
	On    bool   `json:"on" doc:"The caller is told what happens to the record."`
	State string `json:"state,omitempty" enum:",watching,muted" doc:"What the caller chose; nothing when it follows from owning it or taking part."`
	Why   string `json:"why,omitempty" doc:"mentioned, assigned, owner, commented or chose."`
}

type setWatch struct {
	State string `json:"state" enum:"watching,muted,default" doc:"default forgets what was chosen."`
}

type notification struct {
	ID     string    `json:"id"`
	At     time.Time `json:"at"`
	Type   string    `json:"type" doc:"As in the feed."`
	Why    string    `json:"why"`
	Direct bool      `json:"direct" doc:"It is addressed to the caller."`
	Ref    string    `json:"ref" doc:"The record, or the first of several."`
	Title  string    `json:"title"`
	N      int       `json:"n" doc:"How many records changed in one go."`
	By     string    `json:"by"`
	Text   string    `json:"text" doc:"One sentence, in the language of the request."`
	Seen   time.Time `json:"seen,omitzero"`
}

type notificationList struct {
	Items  []notification `json:"items" doc:"The newest first."`
	Unseen int            `json:"unseen" doc:"What the bell counts; it stops at 100."`
}

type seeing struct {
	ID   string    `json:"id,omitempty" doc:"Only this one."`
	UpTo time.Time `json:"upTo,omitzero" doc:"Only those up to this moment."`
}

type seenCount struct {
	Seen int `json:"seen"`
}

type notifySettings struct {
	Bell    string `json:"bell" enum:"none,direct,all"`
	Mail    string `json:"mail" enum:"none,direct,all" doc:"At once."`
	Hook    string `json:"webhook" enum:"none,direct,all" doc:"By one's own webhooks."`
	Digest  string `json:"digest" enum:"never,daily,weekly"`
	Hour    int    `json:"hour" min:"0" max:"23"`
	Weekday int    `json:"weekday" min:"0" max:"6" doc:"Of the weekly digest; 0 is Sunday."`
	Zone    string `json:"zone" doc:"The time zone of the hour, as Europe/Madrid."`
}

// talkOps are those about what people say and what they are told, but for those
// of single records.
func (a *API) talkOps(s schemas) []operation {
	if a.Talk == nil {
		return nil
	}
	one := []answer{{status: 200, doc: "The comment.", types: objectTypes, schema: s.typed(comment{})}}
	text := &body{types: objectTypes, schema: s.typed(commentText{}), doc: "What it says."}
	act := func(name, summary string, do func(*call, string) (talk.Comment, error)) operation {
		return operation{method: "POST", path: "/comments/{id}/" + name, id: name + "Comment", summary: summary, verb: auth.Comment, handle: func(c *call) error { return c.oneComment(do) }, answers: one}
	}
	correct := act("correct", "Correct a comment of one's own by another", func(c *call, id string) (talk.Comment, error) {
		return c.withText(func(body string) (talk.Comment, error) { return c.Talk.Correct(c.r.Context(), c.caller, id, body) })
	})
	correct.body = text
	return tagged("comments and notifications", append([]operation{
		{method: "GET", path: "/comments/{id}", id: "getComment", summary: "Get a comment", verb: auth.Read, answers: one,
			handle: func(c *call) error {
				return c.oneComment(func(c *call, id string) (talk.Comment, error) {
					comment, _, err := c.Talk.Get(c.r.Context(), c.caller, id)
					return comment, err
				})
			}},
		{method: "PATCH", path: "/comments/{id}", id: "editComment", summary: "Change a comment of one's own", verb: auth.Comment, doc: "For fifteen minutes; after that it is corrected.", body: text, answers: one,
			handle: func(c *call) error {
				return c.oneComment(func(c *call, id string) (talk.Comment, error) {
					return c.withText(func(body string) (talk.Comment, error) { return c.Talk.Edit(c.r.Context(), c.caller, id, body) })
				})
			}},
		correct,
		act("withdraw", "Take the text of a comment back", func(c *call, id string) (talk.Comment, error) { return c.Talk.Withdraw(c.r.Context(), c.caller, id) }),
		act("resolve", "Resolve a thread, or let one's dispute rest", func(c *call, id string) (talk.Comment, error) {
			return c.Talk.Resolve(c.r.Context(), c.caller, id, true)
		}),
		act("reopen", "Open a thread again", func(c *call, id string) (talk.Comment, error) {
			return c.Talk.Resolve(c.r.Context(), c.caller, id, false)
		}),
		{method: "GET", path: "/attachments/{id}", id: "getAttachment", summary: "Get what is known of an attachment", verb: auth.Read, handle: (*call).getAttachment,
			answers: []answer{{status: 200, doc: "The attachment.", types: objectTypes, schema: s.typed(attachment{})}}},
		{method: "GET", path: "/attachments/{id}/content", id: "downloadAttachment", summary: "Download an attachment", verb: auth.Read, stream: true, handle: (*call).downloadAttachment,
			answers: []answer{{status: 200, doc: "The content.", types: []string{"*/*"}, schema: schema{}}}},
		{method: "DELETE", path: "/attachments/{id}", id: "removeAttachment", summary: "Remove an attachment", verb: auth.Comment, doc: "Who attached it may, and who may delete the record. Its name and hash stay.", handle: (*call).removeAttachment, answers: gone("It is removed.")},
		{method: "GET", path: "/notifications", id: "listNotifications", summary: "List one's notifications", verb: auth.Self, handle: (*call).listNotifications,
			query:   []param{flag("unseen", "Only those not seen yet."), moment("before", "Only those before this moment (RFC 3339)."), number("limit", "How many.", 1, 200)},
			answers: []answer{{status: 200, doc: "The notifications.", types: objectTypes, schema: s.typed(notificationList{})}}},
		{method: "POST", path: "/notifications/seen", id: "seeNotifications", summary: "Mark notifications as seen", verb: auth.Self, body: &body{types: objectTypes, schema: s.typed(seeing{}), doc: "Which; an empty object is all of them."}, handle: (*call).seeNotifications,
			answers: []answer{{status: 200, doc: "How many were not seen before.", types: objectTypes, schema: s.typed(seenCount{})}}},
		{method: "GET", path: "/account/notifications", id: "getNotifySettings", summary: "Get how one is told", verb: auth.Self, handle: (*call).getNotifySettings,
			answers: []answer{{status: 200, doc: "The settings.", types: objectTypes, schema: s.typed(notifySettings{})}}},
		{method: "PUT", path: "/account/notifications", id: "putNotifySettings", summary: "Choose how one is told", verb: auth.Self, body: &body{types: objectTypes, schema: s.typed(notifySettings{}), doc: "All of the settings."}, handle: (*call).putNotifySettings,
			answers: []answer{{status: 200, doc: "The settings.", types: objectTypes, schema: s.typed(notifySettings{})}}},
	}, a.hookOps(s)...))
}

// talkKindOps are those about one record.
func (a *API) talkKindOps(k *catalog.Kind, s schemas, one, title string) []operation {
	if a.Talk == nil {
		return nil
	}
	on := func(h func(*call, *entity.Entity) error) func(*call) error {
		return func(c *call) error {
			ref, err := c.ref(k)
			if err != nil {
				return err
			}
			e, err := c.Catalog.Get(c.r.Context(), c.caller, ref)
			if err != nil {
				return err
			}
			return h(c, e)
		}
	}
	return []operation{
		{method: "GET", path: one + "/comments", id: "listComments" + k.Name, summary: "List what people said about " + title, verb: auth.Read, handle: on((*call).listComments),
			query:   []param{moment("before", "Only threads that began before this moment (RFC 3339)."), number("limit", "How many threads, the newest.", 1, 1000)},
			answers: []answer{{status: 200, doc: "The threads.", types: objectTypes, schema: s.typed(commentList{})}}},
		{method: "POST", path: one + "/comments", id: "comment" + k.Name, summary: "Comment on " + title, verb: auth.Comment, handle: on((*call).addComment),
			doc:     "A dispute stays open until the owner answers it with kind answer in its thread. An approval takes the right to write.",
			body:    &body{types: objectTypes, schema: s.typed(newComment{}), doc: "The comment."},
			answers: []answer{{status: 201, doc: "It was said.", types: objectTypes, schema: s.typed(comment{})}}},
		{method: "GET", path: one + "/attachments", id: "listAttachments" + k.Name, summary: "List what is attached to " + title, verb: auth.Read, handle: on((*call).listAttachments),
			answers: []answer{{status: 200, doc: "The attachments.", types: objectTypes, schema: s.typed(attachmentList{})}}},
		{method: "POST", path: one + "/attachments", id: "attach" + k.Name, summary: "Attach a file to " + title, verb: auth.Comment, maxBody: a.Files.Limits().File + 1<<20, timeout: applyTime, handle: on((*call).addAttachment),
			query:   []param{{name: "file", doc: "The name of the file, when the body is one.", schema: schema{"type": "string", "maxLength": maxParam}}},
			body:    &body{types: []string{formType, rawType}, schema: schema{}, doc: "A form with files, or one file."},
			answers: []answer{{status: 201, doc: "It is attached.", types: objectTypes, schema: s.typed(attachmentList{})}}},
		{method: "GET", path: one + "/watch", id: "getWatch" + k.Name, summary: "Say whether one is told what happens to " + title, verb: auth.Read, handle: on((*call).getWatch),
			answers: []answer{{status: 200, doc: "Whether, and why.", types: objectTypes, schema: s.typed(watch{})}}},
		{method: "PUT", path: one + "/watch", id: "putWatch" + k.Name, summary: "Watch or mute " + title, verb: auth.Self, handle: on((*call).putWatch),
			body:    &body{types: objectTypes, schema: s.typed(setWatch{}), doc: "What one chooses."},
			answers: []answer{{status: 200, doc: "What follows.", types: objectTypes, schema: s.typed(watch{})}}},
	}
}

func commentOf(c talk.Comment) comment {
	return comment{ID: c.ID, Thread: c.Thread, Kind: string(c.Kind), Body: c.Body, Mentions: orEmpty(c.Mentions), Account: c.Account, By: c.By, Created: c.Created, Edited: c.Edited, Corrects: c.Corrects,
		Closed: c.Closed, ClosedBy: c.ClosedBy, Withdrawn: c.Withdrawn, WithdrawnBy: c.WithdrawnBy, Open: c.Open()}
}

func (c *call) oneComment(do func(*call, string) (talk.Comment, error)) error {
	id, err := c.id()
	if err != nil {
		return err
	}
	made, err := do(c, id)
	if err != nil {
		return err
	}
	out := commentOf(made)
	if _, on, err := c.Talk.Get(c.r.Context(), c.caller, made.ID); err == nil {
		out.Ref = on.Ref().String()
	}
	return c.send(http.StatusOK, out)
}

// withText hands the text of the body on.
func (c *call) withText(do func(string) (talk.Comment, error)) (talk.Comment, error) {
	var in commentText
	if err := c.into(&in); err != nil {
		return talk.Comment{}, err
	}
	return do(in.Body)
}

func (c *call) listComments(e *entity.Entity) error {
	list, err := c.Talk.List(c.r.Context(), c.caller.Principal, e, c.moment("before"), int(c.number("limit", 100)))
	if err != nil {
		return err
	}
	out := commentList{Items: []comment{}}
	for _, t := range list {
		item := commentOf(t.Comment)
		for _, r := range t.Replies {
			item.Replies = append(item.Replies, commentOf(r))
		}
		out.Items = append(out.Items, item)
	}
	return c.send(http.StatusOK, out)
}

func (c *call) addComment(e *entity.Entity) error {
	var in newComment
	if err := c.into(&in); err != nil {
		return err
	}
	made, err := c.Talk.Add(c.r.Context(), c.caller, e, talk.Draft{Thread: in.Thread, Kind: talk.Kind(in.Kind), Body: in.Body})
	if err != nil {
		return err
	}
	return c.send(http.StatusCreated, commentOf(made))
}

func attachmentOf(a blob.Attachment) attachment {
	return attachment{a.ID, a.Name, a.Type, a.Size, a.SHA256, a.Account, a.By, a.Created, a.Removed, a.RemovedBy}
}

func (c *call) listAttachments(e *entity.Entity) error {
	list, err := c.Files.List(c.r.Context(), c.caller.Principal, e)
	if err != nil {
		return err
	}
	out := attachmentList{Items: []attachment{}}
	for _, a := range list {
		out.Items = append(out.Items, attachmentOf(a))
	}
	return c.send(http.StatusOK, out)
}

// addAttachment attaches the body, or each file of a form, as it arrives.
func (c *call) addAttachment(e *entity.Entity) error {
	out := attachmentList{Items: []attachment{}}
	add := func(name string, content io.Reader) error {
		a, err := c.Files.Add(c.r.Context(), c.caller, e, name, content)
		var big *http.MaxBytesError
		switch {
		case errors.As(err, &big):
			return big
		case errors.Is(err, io.ErrUnexpectedEOF):
			return badRequest("body", "The body ended before its end.")
		}
		out.Items = append(out.Items, attachmentOf(a))
		return err
	}
	if bodyType(c.r) != formType {
		if c.get("file") == "" {
			return badParam("file", "is required for a body that is one file")
		}
		if err := add(c.get("file"), c.r.Body); err != nil {
			return err
		}
		return c.send(http.StatusCreated, out)
	}
	form, err := c.r.MultipartReader()
	if err != nil {
		return badRequest("body", "The form cannot be read: %v.", err)
	}
	for {
		part, err := form.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return badRequest("body", "The form is broken.")
		}
		if fileName(part) == "" {
			return badRequest("body", "A part of the form is not a file.")
		}
		if err := add(fileName(part), part); err != nil {
			return err
		}
	}
	if len(out.Items) == 0 {
		return badRequest("body", "The form holds no file.")
	}
	return c.send(http.StatusCreated, out)
}

func (c *call) getAttachment() error {
	id, err := c.id()
	if err != nil {
		return err
	}
	a, _, err := c.Files.Get(c.r.Context(), c.caller, id)
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, attachmentOf(a))
}

func (c *call) downloadAttachment() error {
	id, err := c.id()
	if err != nil {
		return err
	}
	a, content, err := c.Files.Open(c.r.Context(), c.caller, id)
	if err != nil {
		return err
	}
	defer content.Close()
	for name, values := range blob.Headers(a) {
		c.w.Header()[name] = values
	}
	if c.r.Method == http.MethodHead {
		return nil
	}
	_, err = io.Copy(c.w, content)
	return err
}

func (c *call) removeAttachment() error {
	id, err := c.id()
	if err != nil {
		return err
	}
	_, err = c.Files.Remove(c.r.Context(), c.caller, id)
	return c.nothing(err)
}

func (c *call) getWatch(e *entity.Entity) error {
	w, err := c.Talk.GetWatch(c.r.Context(), c.caller.Principal, e)
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, watch{w.On, string(w.Set), string(w.Why)})
}

func (c *call) putWatch(e *entity.Entity) error {
	var in setWatch
	if err := c.into(&in); err != nil {
		return err
	}
	states := map[string]talk.State{"watching": talk.Watching, "muted": talk.Muted, "default": talk.Default}
	state, ok := states[in.State]
	if !ok {
		return fault.Bad("The body does not fit.", fault.Problem{Field: "state", Code: "enum", Msg: "must be watching, muted or default"})
	}
	if err := c.Talk.SetWatch(c.r.Context(), c.caller.Principal, e, state); err != nil {
		return err
	}
	return c.getWatch(e)
}

func (c *call) listNotifications() error {
	ctx, p := c.r.Context(), c.caller.Principal
	items, err := c.Talk.Inbox(ctx, p, c.flag("unseen"), c.moment("before"), int(c.number("limit", 50)))
	if err != nil {
		return err
	}
	out := notificationList{Items: []notification{}}
	for _, it := range items {
		out.Items = append(out.Items, notification{it.ID, it.At, it.Type, string(it.Why), it.Direct, it.Ref, it.Title, it.N, it.ActorName, it.Says.In(c.lang()), it.Seen})
	}
	if out.Unseen, err = c.Talk.Unseen(ctx, p); err != nil {
		return err
	}
	return c.send(http.StatusOK, out)
}

func (c *call) seeNotifications() error {
	var in seeing
	if err := c.into(&in); err != nil {
		return err
	}
	n, err := c.Talk.See(c.r.Context(), c.caller.Principal, in.ID, "", in.UpTo)
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, seenCount{n})
}

func (c *call) getNotifySettings() error {
	s, err := c.Talk.Settings(c.r.Context(), c.caller.Principal)
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, notifySettings{string(s.Bell), string(s.Mail), string(s.Hook), string(s.Digest), s.Hour, int(s.Weekday), s.Zone})
}

func (c *call) putNotifySettings() error {
	var in notifySettings
	if err := c.into(&in); err != nil {
		return err
	}
	err := c.Talk.SetSettings(c.r.Context(), c.caller.Principal, talk.Settings{Bell: talk.Level(in.Bell), Mail: talk.Level(in.Mail), Hook: talk.Level(in.Hook),
		Digest: talk.Rhythm(in.Digest), Hour: in.Hour, Weekday: time.Weekday(in.Weekday), Zone: in.Zone})
	if err != nil {
		return err
	}
	return c.getNotifySettings()
}

// The shapes of webhooks.

type hook struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	URL       string    `json:"url"`
	Types     []string  `json:"types" doc:"What it is told of; none is everything."`
	Disabled  time.Time `json:"disabled,omitzero"`
	Reason    string    `json:"reason,omitempty" doc:"Why the program disabled it."`
	Created   time.Time `json:"created"`
	CreatedBy string    `json:"createdBy"`
	OldUntil  time.Time `json:"oldSecretUntil,omitzero" doc:"Until when the secret before the present one signs too."`
}

type hookList struct {
	Items []hook `json:"items"`
}

type hookChange struct {
	Name  string   `json:"name" min:"1" max:"100"`
	URL   string   `json:"url" min:"1" max:"2000"`
	Types []string `json:"types,omitempty" doc:"As entity.updated, or comment.* for all of a sort; none is everything."`
}

type hookWithSecret struct {
	hook
	Secret string `json:"secret" doc:"Shown this once; receivers' libraries take it as it is."`
}

type delivery struct {
	ID       string    `json:"id" doc:"The value of Webhook-Id, the same for every attempt."`
	State    string    `json:"state" enum:"waiting,sent,failed,given up"`
	Attempts int       `json:"attempts"`
	Next     time.Time `json:"next,omitzero"`
	Error    string    `json:"error,omitempty"`
	Created  time.Time `json:"created"`
	Ended    time.Time `json:"ended,omitzero"`
	Body     string    `json:"body" doc:"What is sent."`
}

type deliveryList struct {
	Items []delivery `json:"items" doc:"The newest first."`
}

// hookOps are the same twice: for the organisation's webhooks and for one's own.
func (a *API) hookOps(s schemas) []operation {
	var ops []operation
	for _, of := range []struct {
		path, id, whose string
		own             bool
		verb            auth.Verb
		resource        resource
	}{{"/webhooks", "Webhook", "the organisation's", false, auth.Admin, resource{Kind: auth.KindWebhook}}, {"/account/webhooks", "MyWebhook", "one's own", true, auth.Self, resource{}}} {
		change := &body{types: objectTypes, schema: s.typed(hookChange{}), doc: "The webhook."}
		answer200 := []answer{{status: 200, doc: "The webhook.", types: objectTypes, schema: s.typed(hook{})}}
		secret := []answer{{status: 200, doc: "The webhook and its new secret.", types: objectTypes, schema: s.typed(hookWithSecret{})}}
		own := of.own
		list := []operation{
			{method: "GET", path: of.path, id: "list" + of.id + "s", summary: "List " + of.whose + " webhooks", handle: func(c *call) error { return c.listHooks(own) },
				answers: []answer{{status: 200, doc: "The webhooks.", types: objectTypes, schema: s.typed(hookList{})}}},
			{method: "POST", path: of.path, id: "create" + of.id, summary: "Make one of " + of.whose + " webhooks", body: change, handle: func(c *call) error { return c.createHook(own) },
				answers: []answer{{status: 201, doc: "The webhook and its secret.", types: objectTypes, schema: s.typed(hookWithSecret{})}}},
			{method: "GET", path: of.path + "/{id}", id: "get" + of.id, summary: "Get one of " + of.whose + " webhooks", handle: func(c *call) error { return c.hook(own, c.getHook) }, answers: answer200},
			{method: "PUT", path: of.path + "/{id}", id: "put" + of.id, summary: "Change one of " + of.whose + " webhooks", body: change, handle: func(c *call) error { return c.putHook(own) }, answers: answer200},
			{method: "DELETE", path: of.path + "/{id}", id: "remove" + of.id, summary: "Remove one of " + of.whose + " webhooks", handle: func(c *call) error {
				return c.hook(own, func(id string) error { return c.nothing(c.Hooks.Remove(c.r.Context(), c.caller.Principal, id)) })
			}, answers: gone("It is removed; what waited for it is dropped.")},
			{method: "PUT", path: of.path + "/{id}/disabled", id: "disable" + of.id, summary: "Disable one of " + of.whose + " webhooks, or enable it again", body: &body{types: objectTypes, schema: s.typed(disabling{}), doc: "Which of the two."}, handle: func(c *call) error { return c.disableHook(own) }, answers: answer200},
			{method: "POST", path: of.path + "/{id}/rotate", id: "rotate" + of.id, summary: "Give one of " + of.whose + " webhooks a new secret", doc: "The present one signs beside it for a day.", handle: func(c *call) error { return c.hook(own, c.rotateHook) }, answers: secret},
			{method: "POST", path: of.path + "/{id}/test", id: "test" + of.id, summary: "Send a test to one of " + of.whose + " webhooks", handle: func(c *call) error { return c.hook(own, c.testHook) }, answers: []answer{{status: 202, doc: "It is on its way; the deliveries say how it ends."}}},
			{method: "GET", path: of.path + "/{id}/deliveries", id: "list" + of.id + "Deliveries", summary: "List what was sent to one of " + of.whose + " webhooks", query: []param{number("limit", "How many.", 1, 500)}, handle: func(c *call) error { return c.hook(own, c.listDeliveries) },
				answers: []answer{{status: 200, doc: "The deliveries.", types: objectTypes, schema: s.typed(deliveryList{})}}},
		}
		for i := range list {
			list[i].verb, list[i].resource = of.verb, of.resource
		}
		ops = append(ops, list...)
	}
	return ops
}

func hookFrom(k action.Hook) hook {
	return hook{k.ID, k.Name, k.URL, orEmpty(k.Types), k.Disabled, k.Reason, k.Created, k.CreatedBy, k.OldUntil}
}

func (c *call) listHooks(own bool) error {
	list, err := c.Hooks.List(c.r.Context(), c.caller.Principal, own)
	if err != nil {
		return err
	}
	out := hookList{Items: []hook{}}
	for _, k := range list {
		out.Items = append(out.Items, hookFrom(k))
	}
	return c.send(http.StatusOK, out)
}

func (c *call) createHook(own bool) error {
	var in hookChange
	if err := c.into(&in); err != nil {
		return err
	}
	k := action.Hook{Name: in.Name, URL: in.URL, Types: in.Types}
	if own {
		k.Account = c.caller.Account
	}
	made, secret, err := c.Hooks.Create(c.r.Context(), c.caller.Principal, k)
	if err != nil {
		return err
	}
	return c.send(http.StatusCreated, hookWithSecret{hookFrom(made), secret})
}

// hook runs do with the id of a webhook that is of the asked side.
func (c *call) hook(own bool, do func(id string) error) error {
	id, err := c.id()
	if err != nil {
		return err
	}
	k, err := c.Hooks.Get(c.r.Context(), c.caller.Principal, id)
	if err != nil {
		return err
	}
	if own != (k.Account != "") {
		return fault.New(fault.NotFound, "There is nothing with the id %q.", printable(id, 60))
	}
	return do(id)
}

func (c *call) getHook(id string) error {
	k, err := c.Hooks.Get(c.r.Context(), c.caller.Principal, id)
	return c.sendHook(k, err)
}

func (c *call) sendHook(k action.Hook, err error) error {
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, hookFrom(k))
}

func (c *call) putHook(own bool) error {
	var in hookChange
	if err := c.into(&in); err != nil {
		return err
	}
	return c.hook(own, func(id string) error {
		return c.sendHook(c.Hooks.Update(c.r.Context(), c.caller.Principal, id, action.Hook{Name: in.Name, URL: in.URL, Types: in.Types}))
	})
}

func (c *call) disableHook(own bool) error {
	var in disabling
	if err := c.into(&in); err != nil {
		return err
	}
	return c.hook(own, func(id string) error {
		return c.sendHook(c.Hooks.SetDisabled(c.r.Context(), c.caller.Principal, id, in.Disabled))
	})
}

func (c *call) rotateHook(id string) error {
	k, secret, err := c.Hooks.Rotate(c.r.Context(), c.caller.Principal, id)
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, hookWithSecret{hookFrom(k), secret})
}

func (c *call) testHook(id string) error {
	_, err := c.Hooks.Test(c.r.Context(), c.caller.Principal, id)
	if err == nil {
		c.w.WriteHeader(http.StatusAccepted)
	}
	return err
}

func (c *call) listDeliveries(id string) error {
	list, err := c.Hooks.Deliveries(c.r.Context(), c.caller.Principal, id, int(c.number("limit", 50)))
	if err != nil {
		return err
	}
	out := deliveryList{Items: []delivery{}}
	for _, a := range list {
		d := delivery{ID: "msg_" + a.ID(), State: string(a.State), Attempts: a.Attempts, Error: a.Error, Created: a.Created, Ended: a.Ended, Body: string(a.Payload)}
		if a.State == action.Waiting {
			d.Next = a.Next
		}
		out.Items = append(out.Items, d)
	}
	return c.send(http.StatusOK, out)
}
