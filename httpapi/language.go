package httpapi

import (
	"net/http"
	"strings"

	"golang.org/x/text/language"
)

// Text is something said to people, in each language that the service speaks. As an error it is what is
// wrong with one value of a request.
type Text struct{ ZH, EN string }

func (t Text) Error() string { return t.EN }

// speech is one of the languages.
type speech struct {
	header []string // Content-Language
	of     func(Text) string
}

// The first one answers clients that ask for none, or for none that we speak.
var (
	matcher  = language.NewMatcher([]language.Tag{language.Chinese, language.English})
	speeches = []speech{
		{header: []string{"zh"}, of: func(t Text) string { return t.ZH }},
		{header: []string{"en"}, of: func(t Text) string { return t.EN }},
	}
)

// languageOf picks a language by Accept-Language (RFC 9110, section 12.5.4), which may stand on several
// lines.
func languageOf(r *http.Request) speech {
	accepted := strings.Join(r.Header["Accept-Language"], ",")
	if accepted == "" {
		return speeches[0]
	}
	_, index := language.MatchStrings(matcher, accepted)
	return speeches[index]
}
