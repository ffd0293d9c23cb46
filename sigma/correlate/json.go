package correlate

import (
	"strings"

	"github.com/valyala/fastjson"
)

// JSON returns the fields of an event as Match.Field wants them: a field of
// dots as it is written, else as a path; texts without quotes, numbers as they
// are written, a list of one as its member, other lists and maps as their JSON.
// null is no value. It reads the event until the parser that made it reads
// another.
func JSON(event *fastjson.Value) func(name string) (string, bool) {
	return func(name string) (string, bool) { return textOf(lookUp(event, name)) }
}

func lookUp(v *fastjson.Value, name string) *fastjson.Value {
	if found := v.Get(name); found != nil {
		return found
	}
	for i := strings.IndexByte(name, '.'); i >= 0; {
		if inner := v.Get(name[:i]); inner != nil && inner.Type() == fastjson.TypeObject {
			if found := lookUp(inner, name[i+1:]); found != nil {
				return found
			}
		}
		next := strings.IndexByte(name[i+1:], '.')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return nil
}

func textOf(v *fastjson.Value) (string, bool) {
	if v == nil {
		return "", false
	}
	switch v.Type() {
	case fastjson.TypeNull:
		return "", false
	case fastjson.TypeString:
		return string(v.GetStringBytes()), true
	case fastjson.TypeArray:
		if list := v.GetArray(); len(list) == 1 {
			return textOf(list[0])
		}
	}
	return string(v.MarshalTo(nil)), true
}
