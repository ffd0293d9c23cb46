package talkweb

import (
	"errors"
	"io"
	"net/http"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/blob"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web"
)

// filesCard is what is attached to a record.
type filesCard struct {
	Path    string
	Files   []fileView
	CanAdd  bool
	Largest string // size of a file at most
}

type fileView struct {
	blob.Attachment
	Bytes     string
	CanRemove bool
}

func (m *module) loadFiles(c *web.Ctx, e *entity.Entity) (any, error) {
	list, err := m.Files.List(c.R.Context(), c.Caller.Principal, e)
	if err != nil {
		return nil, err
	}
	card := &filesCard{Path: c.Href(e.Ref()), CanAdd: c.CanKind(auth.Comment, m.Kinds.Get(e.Kind)), Largest: lang.Bytes(c.Lang, m.Files.Limits().File)}
	for _, a := range list {
		card.Files = append(card.Files, fileView{a, lang.Bytes(c.Lang, a.Size), m.Files.MayRemove(c.Caller.Principal, e, a)})
	}
	if len(card.Files) == 0 && !card.CanAdd {
		return nil, nil
	}
	return card, nil
}

func (m *module) filePages() []web.PageDef {
	return []web.PageDef{
		{ID: "attachment", Pattern: "/attachments/{id}", Verb: auth.Read, Resource: house, Stream: true, Handle: m.download},
		{ID: "attachment.remove", Method: http.MethodPost, Pattern: "/attachments/{id}/remove", Verb: auth.Comment, Resource: house, Handle: m.removeFile},
	}
}

// addFile attaches each file of the form, as it arrives.
func (m *module) addFile(c *web.Ctx, e *entity.Entity) (any, error) {
	form, err := c.R.MultipartReader()
	if err != nil {
		return nil, fault.New(fault.Invalid, "the form cannot be read: %v", err).Coded("form-unread")
	}
	n := 0
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, broken(err)
		}
		if part.FileName() == "" {
			continue
		}
		if _, err := m.Files.Add(c.R.Context(), c.Caller, e, part.FileName(), part); err != nil {
			return nil, broken(err)
		}
		n++
	}
	if n == 0 {
		return nil, auth.BadField("file", "attachment-none", lang.T("Choose a file first.", "Elige antes un fichero."))
	}
	return back(c, e, "#card-files", &web.Toast{Key: "talk.toast.attached"}), nil
}

// broken says what an upload that ended early was refused for.
func broken(err error) error {
	var big *http.MaxBytesError
	if errors.As(err, &big) {
		return &fault.Error{Kind: fault.TooLarge, Msg: "the file is larger than an attachment may be", Code: "attachment.too-large", Err: err}
	}
	if fault.Is(err, fault.Internal) && errors.Is(err, io.ErrUnexpectedEOF) {
		return fault.New(fault.Invalid, "the upload broke off").Coded("attachment.broke-off")
	}
	return err
}

// download sends the content, whatever it is, as a file to be kept.
func (m *module) download(c *web.Ctx) (any, error) {
	a, content, err := m.Files.Open(c.R.Context(), c.Caller, c.R.PathValue("id"))
	if err != nil {
		return nil, err
	}
	defer content.Close()
	for name, values := range blob.Headers(a) {
		c.W.Header()[name] = values
	}
	if c.R.Method == http.MethodHead {
		return nil, nil
	}
	_, err = io.Copy(c.W, content)
	return nil, err
}

func (m *module) removeFile(c *web.Ctx) (any, error) {
	id := c.R.PathValue("id")
	_, on, err := m.Files.Get(c.R.Context(), c.Caller, id)
	if err != nil {
		return nil, err
	}
	a, err := m.Files.Remove(c.R.Context(), c.Caller, id)
	if err != nil {
		return nil, err
	}
	return back(c, on, "#card-files", &web.Toast{Key: "talk.toast.removed", Args: []string{a.Name}}), nil
}
