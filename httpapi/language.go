package httpapi

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
	"golang.org/x/text/language"
)

// Text is a text for people in every language of the service. As an error it is the fault of one value.
type Text struct{ ZH, EN string }

// Error returns the English text.
func (t Text) Error() string { return t.EN }

// locale is one of the languages.
type locale struct {
	header []string // Content-Language
	of     func(Text) string
}

// The first one is the default.
var (
	matcher = language.NewMatcher([]language.Tag{language.Chinese, language.English})
	locales = []locale{
		{header: []string{"zh"}, of: func(t Text) string { return t.ZH }},
		{header: []string{"en"}, of: func(t Text) string { return t.EN }},
	}
)

// maxAcceptLanguage is the maximum length of the Accept-Language that is looked at, in bytes. Browsers send some 50;
// the matcher takes milliseconds for thousands of languages.
const maxAcceptLanguage = 256

// languageOf returns the language that Accept-Language asks for (RFC 9110, section 12.5.4). The header may have
// several lines.
func languageOf(r *http.Request) locale {
	accepted := strings.Join(r.Header["Accept-Language"], ",")
	if accepted == "" || len(accepted) > maxAcceptLanguage {
		return locales[0]
	}
	_, index := language.MatchStrings(matcher, accepted)
	return locales[index]
}

// InWords returns a function that gives texts in the language that a request asks for. It does not hold the request.
func InWords(c *gin.Context) func(Text) string { return languageOf(c.Request).of }

// Language returns the code of the language that a request is answered in.
func Language(c *gin.Context) string { return languageOf(c.Request).header[0] }

// SetLanguage has a request answered in the language with a code, whatever it asks for.
func SetLanguage(c *gin.Context, code string) { c.Request.Header["Accept-Language"] = []string{code} }
