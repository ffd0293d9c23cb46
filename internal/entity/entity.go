// Package entity holds the words for what people decide and write: the
// envelope every kind shares, and the typed references between things.
package entity

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// APIVersion is the version this program writes for its own kinds.
const APIVersion = "binnacle.dev/v1"

// BackstageVersion is the version of Backstage's catalog files, which apply as
// they are.
const BackstageVersion = "backstage.io/v1alpha1"

// Entity is one thing of a kind. Spec and Status are JSON objects whose shape
// the kind gives; fields this program does not know are kept in them where the
// kind allows it.
type Entity struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Metadata   Metadata        `json:"metadata"`
	Spec       json.RawMessage `json:"spec,omitempty"`
	Status     json.RawMessage `json:"status,omitempty"`
}

// Metadata is what every entity has, whatever its kind.
type Metadata struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace,omitempty"` // "default" when empty
	Title       string            `json:"title,omitempty"`
	Description string            `json:"description,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Tags        []string          `json:"tags,omitempty"`
	Links       []Link            `json:"links,omitempty"`
	Owner       string            `json:"owner,omitempty"` // a reference to a group or user

	// The server sets these; in a file they are ignored.
	UID             string     `json:"uid,omitempty"`
	ResourceVersion string     `json:"resourceVersion,omitempty"` // the number of the revision, from "1"
	Created         *time.Time `json:"created,omitempty"`
	Updated         *time.Time `json:"updated,omitempty"`
}

// Link is a named address that belongs to an entity.
type Link struct {
	URL   string `json:"url"`
	Title string `json:"title,omitempty"`
	Icon  string `json:"icon,omitempty"`
	Type  string `json:"type,omitempty"`
}

// Ref returns the reference that names e.
func (e *Entity) Ref() Ref { return NewRef(e.Kind, e.Metadata.Namespace, e.Metadata.Name) }

// DisplayTitle returns the title; where there is none, the displayed name that
// Backstage's people and groups carry in their profile, or the name.
func (e *Entity) DisplayTitle() string {
	if e.Metadata.Title != "" {
		return e.Metadata.Title
	}
	var spec struct {
		Profile struct {
			DisplayName string `json:"displayName"`
		} `json:"profile"`
	}
	if bytes.Contains(e.Spec, []byte(`"displayName"`)) && json.Unmarshal(e.Spec, &spec) == nil && spec.Profile.DisplayName != "" {
		return strings.TrimSpace(spec.Profile.DisplayName)
	}
	return e.Metadata.Name
}

// Clone returns a deep copy.
func (e *Entity) Clone() *Entity {
	c := *e
	c.Spec, c.Status = bytes.Clone(e.Spec), bytes.Clone(e.Status)
	c.Metadata.Labels = cloneMap(e.Metadata.Labels)
	c.Metadata.Annotations = cloneMap(e.Metadata.Annotations)
	c.Metadata.Tags, c.Metadata.Links = slices.Clone(e.Metadata.Tags), slices.Clone(e.Metadata.Links)
	return &c
}

func cloneMap(m map[string]string) map[string]string {
	if m == nil {
		return nil
	}
	c := make(map[string]string, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}
