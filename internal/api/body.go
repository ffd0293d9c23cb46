package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
	"reflect"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// read returns the body.
func (c *call) read() ([]byte, error) {
	data, err := io.ReadAll(c.r.Body)
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		return nil, err
	case err != nil:
		return nil, badRequest("body", "The body ended before its end.")
	}
	return data, nil
}

// readText returns the body of a text format.
func (c *call) readText() ([]byte, error) {
	data, err := c.read()
	if err != nil {
		return nil, err
	}
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return nil, badRequest("body", "A body is required.")
	case !utf8.Valid(data):
		return nil, badRequest("encoding", "The body is not UTF-8.")
	case bodyType(c.r) == jsonType || bodyType(c.r) == patchType:
		return data, checkJSON(data)
	}
	return data, nil
}

// checkJSON refuses what is not one JSON value, saying on which line it breaks.
func checkJSON(data []byte) error {
	var v json.RawMessage
	err := json.Unmarshal(data, &v)
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return nil
	}
	before := data[:min(int(syntax.Offset), len(data))]
	bad := badRequest("syntax", "The body is not JSON: %v.", err)
	bad.Problems[0].Line = 1 + bytes.Count(before, []byte("\n"))
	bad.Problems[0].Column = len(before) - bytes.LastIndexByte(before, '\n') - 1
	return bad
}

// into decodes the body, JSON or YAML, into the struct v points at. A field it
// does not have is an error.
func (c *call) into(v any) error {
	data, err := c.readText()
	if err != nil {
		return err
	}
	if t := bodyType(c.r); t == yamlType || t == "" {
		if data, err = jsonOf(data); err != nil {
			return err
		}
	}
	if trimmed := bytes.TrimSpace(data); len(trimmed) == 0 || trimmed[0] != '{' {
		return fault.Bad("The body is not an object.", fault.Problem{Code: "type", Msg: "must be an object"})
	}
	if bytes.Contains(data, []byte("null")) && hasNull(data) {
		return fault.Bad("The body holds null.", fault.Problem{Code: "type", Msg: "holds null, which means nothing here", Hint: "leave the field out"})
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return decodeProblem(err, v)
	}
	if hasNUL(reflect.ValueOf(v)) {
		return fault.Bad("The body holds a NUL character.", fault.Problem{Code: "encoding", Msg: "holds a NUL character"})
	}
	return nil
}

// hasNull reports whether JSON holds a null, which encoding/json would take for
// a field that was left out.
func hasNull(data []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(data))
	for {
		tok, err := dec.Token()
		if err != nil {
			return false
		}
		if tok == nil {
			return true
		}
	}
}

// jsonOf returns YAML as JSON.
func jsonOf(data []byte) ([]byte, error) {
	var v any
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&v); err != nil {
		return nil, badRequest("syntax", "The body is not YAML: %v.", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if dec.Decode(new(any)) != io.EOF {
		return nil, badRequest("syntax", "The body holds more than one document.")
	}
	out, err := json.Marshal(v)
	if err != nil {
		return nil, badRequest("syntax", "The body cannot be read: its keys must be words.")
	}
	return out, nil
}

func decodeProblem(err error, v any) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fault.Bad("The body does not fit.", fault.Problem{Field: wrong.Field, Code: "type", Msg: fmt.Sprintf("must be %s, not %s", typeWord(wrong.Type), wrong.Value)})
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		name = strings.Trim(name, `"`)
		p := fault.Problem{Field: printable(name, 60), Code: "unknown-field", Msg: "is not a field here"}
		if near := catalog.Nearest(name, jsonNames(reflect.TypeOf(v).Elem())); near != "" {
			p.Hint = fmt.Sprintf("did you mean %q?", near)
		}
		return fault.Bad("The body does not fit.", p)
	}
	return fault.Bad("The body does not fit.", fault.Problem{Code: "type", Msg: printable(err.Error(), 200)})
}

func typeWord(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	return "a number"
}

func jsonNames(t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		out = append(out, name)
	}
	return out
}

// hasNUL reports whether any text in v holds a NUL, which no database keeps.
func hasNUL(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		return strings.ContainsRune(v.String(), 0)
	case reflect.Pointer:
		return !v.IsNil() && hasNUL(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); (f.IsExported() || f.Anonymous) && hasNUL(v.Field(i)) {
				return true
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if hasNUL(v.Index(i)) {
				return true
			}
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			if hasNUL(k) || hasNUL(v.MapIndex(k)) {
				return true
			}
		}
	}
	return false
}

// files returns the body as files: the parts of a form, or the body itself
// under the name in ?file=.
func (c *call) files() ([]catalog.File, error) {
	if bodyType(c.r) != formType {
		data, err := c.read()
		if err == nil && len(data) == 0 {
			err = badRequest("body", "A body is required.")
		}
		return []catalog.File{{Name: c.get("file"), Data: data}}, err
	}
	parts, err := c.r.MultipartReader()
	if err != nil {
		return nil, badRequest("body", "The form cannot be read: %v.", err)
	}
	return formFiles(parts)
}

const maxFiles = 10_000

func formFiles(parts *multipart.Reader) ([]catalog.File, error) {
	var files []catalog.File
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			break
		}
		f, err := formFile(part, err)
		if err != nil {
			return nil, err
		}
		if f.Name == "" {
			return nil, badRequest("body", "A part of the form is not a file.")
		}
		if files = append(files, f); len(files) > maxFiles {
			return nil, fault.New(fault.TooLarge, "A form may hold %d files.", maxFiles)
		}
	}
	if len(files) == 0 {
		return nil, badRequest("body", "The form holds no file.")
	}
	return files, nil
}

func formFile(part *multipart.Part, err error) (catalog.File, error) {
	var data []byte
	if err == nil {
		data, err = io.ReadAll(part)
	}
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		return catalog.File{}, err
	case err != nil:
		return catalog.File{}, badRequest("body", "The form is broken.")
	}
	return catalog.File{Name: fileName(part), Data: data}, nil
}

// fileName returns the name of a part with its folders, which importers and
// messages use; it is never opened, yet it cannot climb.
func fileName(part *multipart.Part) string {
	name := part.FormName()
	if _, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition")); err == nil && params["filename"] != "" {
		name = params["filename"]
	}
	if name == "" || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		return ""
	}
	return strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, `\`, "/")), "/")
}
