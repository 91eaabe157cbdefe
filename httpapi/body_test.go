package httpapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"userorder/httpapi/httpapitest"

	"github.com/stretchr/testify/require"
)

func TestBindRefusesATextThatIsNotOneStrictObject(t *testing.T) {
	for _, test := range []struct{ name, body, msg string }{
		{"nothing", ``, "the body is empty"},
		{"white space", " \r\n\t", "the body is empty"},
		{"null", `null`, "the body must be a JSON object"},
		{"an array", `[{"name":"n"}]`, "the body must be a JSON object"},
		{"a string", `"name"`, "the body must be a JSON object"},
		{"half an object", `{"name":"n"`, "the body is not valid JSON"},
		{"a comma too many", `{"name":"n",}`, "the body is not valid JSON"},
		{"two objects", `{"name":"n"}{"name":"n"}`, "the body is not valid JSON"},
		{"junk behind it", `{"name":"n"} x`, "the body is not valid JSON"},
		{"a byte order mark", "\ufeff{}", "the body is not valid JSON"},
		{"single quotes", `{'name':'n'}`, "the body is not valid JSON"},
		{"a comment", `{/**/"name":"n"}`, "the body is not valid JSON"},
		{"NaN", `{"count":NaN}`, "the body is not valid JSON"},
		{"a key twice", `{"name":"a","name":"b"}`, "the body has a duplicate field"},
		{"an unknown key twice", `{"x":1,"x":1}`, "the body has a duplicate field"},
		{"a key twice, once in disguise", `{"name":"a","n\u0061me":"b"}`, "the body has a duplicate field"},
		{"bytes that are no UTF-8", "{\"name\":\"\xff\"}", "the body is not valid UTF-8"},
		{"a surrogate in UTF-8", "{\"name\":\"\xed\xa0\x80\"}", "the body is not valid UTF-8"},
		{"a high surrogate alone", `{"name":"\ud83d"}`, "a JSON string contains a lone surrogate"},
		{"a high surrogate before another", `{"name":"\ud83d\ud83d"}`, "a JSON string contains a lone surrogate"},
		{"a high surrogate before a letter", `{"name":"\ud83dabcdef"}`, "a JSON string contains a lone surrogate"},
		{"a low surrogate alone", `{"name":"\uDE00"}`, "a JSON string contains a lone surrogate"},
		{"a lone surrogate in an unknown key", `{"\ud83d":1}`, "a JSON string contains a lone surrogate"},
		{"U+0000", `{"name":"a\u0000b"}`, "a JSON string must not contain U+0000"},
		{"U+0000 somewhere else", `{"x":["\u0000"]}`, "a JSON string must not contain U+0000"},
		{"seventeen levels of arrays", `{"x":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`,
			"the JSON must not nest deeper than 16 levels"},
		{"seventeen levels of objects", strings.Repeat(`{"x":`, 17) + "1" + strings.Repeat("}", 17),
			"the JSON must not nest deeper than 16 levels"},
		{"thirty thousand levels", strings.Repeat("[", 30000), "the body is not valid JSON"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, got := bind(t, httpapitest.Request("POST /things", "", test.body))
			require.Equal(t, 400, got.ResponseRecorder.Code)
			require.Equal(t, 400, got.Code)
			require.Equal(t, test.msg, got.Msg)
		})
	}
}

func TestBindTakesOnlyPlainJSON(t *testing.T) {
	const body = `{"name":"n","word":"w"}`
	for _, test := range []struct {
		name   string
		header http.Header
		status int
	}{
		{"no Content-Type", http.Header{}, 200},
		{"application/json", http.Header{"Content-Type": {"application/json"}}, 200},
		{"with a charset", http.Header{"Content-Type": {"Application/JSON; charset=UTF-8"}}, 200},
		{"with another name of it", http.Header{"Content-Type": {"application/json; charset=utf8"}}, 200},
		{"with the charset in quotes", http.Header{"Content-Type": {`application/json;charset="UTF-8"`}}, 200},
		{"with a charset that is part of it", http.Header{"Content-Type": {"application/json; charset=us-ascii"}}, 200},
		{"with an empty charset", http.Header{"Content-Type": {"application/json; charset="}}, 200},
		{"with a stray semicolon", http.Header{"Content-Type": {"application/json;"}}, 200},
		{"with several", http.Header{"Content-Type": {"application/json; ; charset=utf-8;"}}, 200},
		{"with another parameter", http.Header{"Content-Type": {"application/json; version=1"}}, 200},
		{"with white space", http.Header{"Content-Type": {" application/json ; charset=utf-8 "}}, 200},
		{"with two charsets", http.Header{"Content-Type": {"application/json; charset=utf-8; charset=gbk"}}, 415},
		{"with a UTF that is another", http.Header{"Content-Type": {"application/json; charset=utf-16"}}, 415},
		{"with a parameter that is none", http.Header{"Content-Type": {"application/json; utf-8"}}, 415},
		{"with another charset", http.Header{"Content-Type": {"application/json; charset=gbk"}}, 415},
		{"a form", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, 415},
		{"text", http.Header{"Content-Type": {"text/plain"}}, 415},
		{"a relative of JSON", http.Header{"Content-Type": {"application/vnd.api+json"}}, 415},
		{"nonsense", http.Header{"Content-Type": {"application/json;;;="}}, 415},
		{"two Content-Types", http.Header{"Content-Type": {"application/json", "application/json"}}, 415},
		{"compressed", http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}, 415},
		{"any content coding", http.Header{"Content-Encoding": {"identity"}}, 415},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httpapitest.Request("POST /things", "", body)
			r.Header = test.header
			_, got := bind(t, r)
			require.Equal(t, test.status, got.ResponseRecorder.Code)
		})
	}
}

// endless is a body without an end that counts the bytes read from it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	return len(p), nil
}

func TestBindReadsNoMoreThanItMust(t *testing.T) {
	t.Run("nothing, if Content-Length says that it is too much", func(t *testing.T) {
		body := &endless{}
		r := httptest.NewRequest("POST", "/things", body)
		r.ContentLength = 64<<10 + 1
		_, got := bind(t, r)
		require.Equal(t, 413, got.ResponseRecorder.Code)
		require.Zero(t, body.read)
	})
	t.Run("little more than the limit, if it does not say", func(t *testing.T) {
		body := &endless{}
		r := httptest.NewRequest("POST", "/things", body)
		r.ContentLength = -1
		_, got := bind(t, r)
		require.Equal(t, 413, got.ResponseRecorder.Code)
		require.Less(t, body.read, 256<<10)
	})
	t.Run("the media type is judged before the length", func(t *testing.T) {
		r := httpapitest.Request("POST /things", "", strings.Repeat(" ", 70<<10))
		r.Header.Set("Content-Type", "text/plain")
		_, got := bind(t, r)
		require.Equal(t, 415, got.ResponseRecorder.Code)
	})
	t.Run("a body that does not arrive in time is 408", func(t *testing.T) {
		r := httptest.NewRequest("POST", "/things", io.MultiReader(strings.NewReader("{"), late{}))
		_, got := bind(t, r)
		require.Equal(t, 408, got.ResponseRecorder.Code)
	})
}

type late struct{}

func (late) Read([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }
