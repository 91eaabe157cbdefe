package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
)

// parcel has s and k in its names, the letters to which Unicode folds characters beyond ASCII.
type parcel struct {
	Task  string     `json:"task"`
	Word  word       `json:"word"`
	Count int        `json:"count,omitzero"`
	Owner httpapi.ID `json:"owner,omitzero"`
}

// All messages of a 400 and of its fields. Any other would be a Go error text.
var (
	formMessages = []string{
		"the body is not valid UTF-8", "the body is empty", "the body is not valid JSON", "the body must be a JSON object",
		"the body has a duplicate field", "the JSON must not nest deeper than 16 levels",
		"a JSON string contains a lone surrogate", "a JSON string must not contain U+0000",
	}
	fieldMessages = []string{
		"is missing", "must not be null", "must not be empty", "must be a string", "has the wrong type",
		"must be written in exactly this letter case", "must not contain spaces", "must be a positive integer id",
	}
)

// FuzzBind compares Bind with a second implementation of its rules, on json.Decoder and regexp.
func FuzzBind(f *testing.F) {
	for _, body := range bodies {
		f.Add([]byte(body))
	}
	var read parcel
	engine := newEngine(f, httpapi.Config{})
	engine.POST("/things", httpapi.Handle(func(c *gin.Context) error {
		if err := httpapi.Bind(c, &read); err != nil {
			return err
		}
		return httpapi.OK(c, httpapi.Text{ZH: "好", EN: "good"}, httpapi.Empty{})
	}))
	f.Fuzz(func(t *testing.T, body []byte) {
		read = parcel{}
		r := httpapitest.Request("POST /things", "", string(body))
		r.Header.Set("Accept-Language", "en")
		got := serve(t, engine, r)
		status := got.ResponseRecorder.Code
		if len(body) > 64<<10 {
			require.Equal(t, 413, status)
			require.Equal(t, "the body must not exceed 64 KiB", got.Msg)
			return
		}
		if fault := faultOf(t, body); fault != "" {
			require.Equal(t, 400, status, fault)
			require.Contains(t, formMessages, got.Msg, fault)
			return
		}
		want, bad := parcelOf(t, body)
		if len(bad) > 0 {
			require.Equal(t, 400, status, bad)
			require.Equal(t, "invalid fields", got.Msg, bad)
			require.ElementsMatch(t, bad, listed(t, got))
			return
		}
		require.Equal(t, 200, status, got.Body)
		require.Equal(t, want, read)
	})
}

// listed returns the names of the fields that a response lists as invalid.
func listed(t *testing.T, got answer) (names []string) {
	var data struct {
		Errors []struct{ Field, Msg string }
	}
	require.NoError(t, json.Unmarshal(got.Data, &data))
	for _, e := range data.Errors {
		require.Contains(t, fieldMessages, e.Msg)
		names = append(names, e.Field)
	}
	return names
}

// surrogates matches pairs, lone ones and all other escapes, so that the u in `\\ud800` starts no match.
var surrogates = regexp.MustCompile(
	`\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.`)

// faultOf returns the reason why text is not a strict object, or "". It shares only utf8.Valid and json.Valid with the
// code under test; the latter because json.Decoder is known to be lax.
func faultOf(t *testing.T, text []byte) string {
	if !utf8.Valid(text) || !json.Valid(text) {
		return "no JSON"
	}
	for _, match := range surrogates.FindAllSubmatch(text, -1) {
		if match[1] != nil {
			return "a lone surrogate"
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if brace, _ := decoder.Token(); brace != json.Delim('{') {
		return "no object"
	}
	for names := map[any]bool{}; decoder.More(); {
		name, err := decoder.Token()
		require.NoError(t, err)
		if names[name] {
			return "a name twice"
		}
		names[name] = true
		var value json.RawMessage
		require.NoError(t, decoder.Decode(&value))
	}
	return faultWithin(t, text)
}

// faultWithin checks every token for what is refused at all levels.
func faultWithin(t *testing.T, text []byte) string {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	for depth := 0; ; {
		token, err := decoder.Token()
		if err == io.EOF {
			return ""
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case json.Delim:
			if depth += map[json.Delim]int{'{': 1, '[': 1, '}': -1, ']': -1}[token]; depth > 16 {
				return "too deep"
			}
		case string:
			if strings.Contains(token, "\x00") {
				return "U+0000"
			}
		}
	}
}

var positive = regexp.MustCompile(`\A[1-9][0-9]{0,18}\z`)

// parcelOf decodes a strict object and returns the names of its invalid fields.
func parcelOf(t *testing.T, text []byte) (p parcel, bad []string) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var object map[string]any
	require.NoError(t, decoder.Decode(&object))
	for name, read := range map[string]func(value any, sent bool) (ok bool){
		"task": func(value any, _ bool) bool {
			p.Task, _ = value.(string)
			return p.Task != ""
		},
		"word": func(value any, _ bool) bool {
			text, _ := value.(string)
			p.Word = word(text)
			return text != "" && !strings.Contains(text, " ")
		},
		"count": func(value any, sent bool) bool {
			number, _ := value.(json.Number)
			var err error
			p.Count, err = strconv.Atoi(number.String())
			return err == nil || !sent
		},
		"owner": func(value any, sent bool) bool {
			digits := fmt.Sprint(value) // of a string, too
			id, err := strconv.ParseInt(digits, 10, 64)
			p.Owner = httpapi.ID(id)
			return err == nil && positive.MatchString(digits) || !sent
		},
	} {
		if value, sent := object[name]; !read(value, sent) || miscased(object, name) {
			bad = append(bad, name)
		}
	}
	return p, bad
}

// miscased reports whether encoding/json would accept another key of the object as name.
func miscased(object map[string]any, name string) bool {
	for key := range object {
		if key != name && regexp.MustCompile(`(?i)\A`+name+`\z`).MatchString(key) {
			return true
		}
	}
	return false
}

var bodies = slices.Concat([]string{
	`{"task":"n","word":"w"}`,
	`{"task":"n","word":"w","count":3,"owner":7}`,
	`{"task":"n","word":"w","count":-0,"owner":"9223372036854775807"}`,
	`{"task":"n","word":"w","owner":9223372036854775808}`,
	`{"task":"n","word":"w","else":{"task":null,"task":[1,{}]}}`,
	" \r\n\t{ \"task\" : \"n\" , \"word\" : \"w\" , \"count\" : 1 } \n",
	`{"t\u0061sk":"n","word":"w"}`,
	`{"task":"😀\ud83d\ude00","word":"w"}`,
	`{"task":"\\ud800","word":"\"\/\b\f\n\r\t"}`,
	`{"task":"[[[[[[[[[[[[[[[[[[","word":"w"}`,
	`{}`, ``, ` `, `null`, `[{"task":"n"}]`, `"task"`, `{"task":"n"`, `{"task":"n",}`, `{"task":"n"}{"task":"n"}`,
	`{"task":"n"} x`, "\ufeff{}", `{'task':'n'}`, `{/**/"task":"n"}`, `{"count":NaN}`, `{"count":01}`,
	`{"task":"a","task":"b"}`, `{"x":1,"x":1}`, `{"task":"a","t\u0061sk":"b"}`, `{"":1,"":2}`,
	"{\"task\":\"\xff\"}", "{\"task\":\"\xed\xa0\x80\"}", "{\"task\":\"a\x00b\"}",
	`{"task":"\ud83d"}`, `{"task":"\ud83d\ud83d"}`, `{"task":"\ud83dabcdef"}`, `{"task":"\uDE00"}`, `{"\ud83d":1}`,
	`{"task":"\ud83d\n\ude00"}`, `{"task":"\ud83d\\ude00"}`, `{"task":"\ude00\ud83d"}`,
	`{"task":"\ud7ff\ud800\udc00\udbff\udfff\ue000","word":"w"}`, `{"task":"\udc00"}`, `{"task":"\udfff"}`,
	`{"task":"a\u0000b"}`, `{"x":["\u0000"]}`, `{"x":{"a\u0000":1,"a":2,"a":3}}`,
	`{"task":null,"word":null,"count":null,"owner":null}`, `{"task":"","word":""}`,
	`{"task":1,"word":[],"count":"3","owner":{}}`, `{"task":"n","word":"a b"}`, `{"task":"n","word":"w","count":1e30}`,
	`{"TASK":"n","word":"w"}`, `{"task":"n","Task":"m","word":"w"}`, `{"task":"n","word":"w","Count":1}`,
	`{"task":"n","taſk":"m","word":"w"}`, `{"task":"n","tas\u212a":"m","word":"w"}`, `{"task":"n","word":"w","owner":"\u0031"}`,
	`{"task":"n","word":"w","owner":1e0}`, `{"task":"n","word":"w","owner":"01"}`, `{"task":"n","word":"w","count":1.0}`,
}, []string{
	`{"task":"n","word":"w","x":` + strings.Repeat("[", 15) + strings.Repeat("]", 15) + `}`,
	`{"x":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`,
	strings.Repeat(`{"x":`, 17) + "1" + strings.Repeat("}", 17),
	strings.Repeat("[", 30000),
	`{"task":"n","word":"w","x":"` + strings.Repeat("x", 64<<10-30) + `"}`,
	`{"task":"n","word":"w","x":"` + strings.Repeat("x", 64<<10-29) + `"}`,
})
