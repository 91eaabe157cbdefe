package httpapi

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

var errIfMatch = badRequest("If-Match 格式不正确", "If-Match is malformed")

// SetETag sets the entity tag of a response (RFC 9110, section 8.8.3) to a version, such as "3" with the quotes.
func SetETag(c *gin.Context, version int64) {
	c.Writer.Header()["Etag"] = []string{`"` + strconv.FormatInt(version, 10) + `"`}
}

// Precondition is the If-Match of a request (RFC 9110, section 13.1.1). The zero value is that of a request without it.
type Precondition struct {
	Restricts bool // false if there is none, or *, which any version matches

	versions []int64
}

// Allows reports whether a version fulfils the precondition.
func (p Precondition) Allows(version int64) bool {
	return !p.Restricts || slices.Contains(p.versions, version)
}

// IfMatch returns the precondition of a request, or a 400 if it is malformed. Tags that SetETag never sets, weak ones among
// them, match nothing.
func IfMatch(c *gin.Context) (p Precondition, err error) {
	values := c.Request.Header.Values("If-Match")
	list := strings.Join(values, ",")
	if len(values) == 0 || trimOWS(list) == "*" {
		return Precondition{}, nil
	}
	p.Restricts = true
	some := false
	for rest := trimOWS(list); rest != ""; {
		if rest[0] == ',' { // an empty element (section 5.6.1)
			rest = trimOWS(rest[1:])
			continue
		}
		tag, after, ok := cutTag(rest)
		if !ok {
			return Precondition{}, errIfMatch
		}
		if version, ok := ParseID(tag); ok {
			p.versions = append(p.versions, version)
		}
		some, rest = true, trimOWS(after)
		if rest != "" && rest[0] != ',' {
			return Precondition{}, errIfMatch
		}
	}
	if !some {
		return Precondition{}, errIfMatch
	}
	return p, nil
}

// cutTag splits text after the entity tag that it begins with. The tag has no quotes; it is empty if it is weak.
func cutTag(text string) (tag, rest string, ok bool) {
	text, weak := strings.CutPrefix(text, "W/")
	text, quoted := strings.CutPrefix(text, `"`)
	tag, rest, closed := strings.Cut(text, `"`)
	if !quoted || !closed || strings.ContainsFunc(tag, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return "", "", false
	}
	if weak {
		tag = ""
	}
	return tag, rest, true
}

func trimOWS(text string) string { return strings.Trim(text, " \t") }
