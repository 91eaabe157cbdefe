package httpapi_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"userorder/httpapi"
)

// word is a type with a rule of its own.
type word string

func (w *word) UnmarshalText(text []byte) error {
	if strings.ContainsRune(string(text), ' ') {
		return httpapi.Text{ZH: "不含空格", EN: "must not hold spaces"}
	}
	*w = word(text)
	return nil
}

type thing struct {
	Name  string     `json:"name"`
	Word  word       `json:"word"`
	Count int        `json:"count,omitzero"`
	Owner httpapi.ID `json:"owner,omitzero"`
}

// bind serves a POST whose body is a thing, and keeps what it read.
func bind(t testing.TB, r *http.Request) (thing, answer) {
	t.Helper()
	var read thing
	engine := newEngine(t, httpapi.Config{})
	engine.POST("/things", httpapi.Handle(func(c *gin.Context) error {
		if err := httpapi.Bind(c, &read); err != nil {
			return err
		}
		return httpapi.OK(c, httpapi.Text{ZH: "好", EN: "good"}, httpapi.Empty{})
	}))
	r.Header.Set("Accept-Language", "en")
	return read, serve(t, engine, r)
}

func post(body string) *http.Request {
	r := httptest.NewRequest("POST", "/things", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

func TestBindReads(t *testing.T) {
	whole := thing{Name: "n", Word: "w"}
	for _, test := range []struct {
		name, body string
		want       thing
	}{
		{"what is required", `{"name":"n","word":"w"}`, whole},
		{"what may be left out", `{"name":"n","word":"w","count":3,"owner":7}`, thing{"n", "w", 3, 7}},
		{"an id as a string", `{"name":"n","word":"w","owner":"9223372036854775807"}`, thing{"n", "w", 0, 1<<63 - 1}},
		{"keys that it does not know", `{"name":"n","word":"w","else":{"name":null,"name":[1,{}]}}`, whole},
		{"white space around everything", " \r\n\t{ \"name\" : \"n\" , \"word\" : \"w\" } \n", whole},
		{"an escaped key", `{"n\u0061me":"n","word":"w"}`, whole},
		{"characters beyond the basic plane", `{"name":"😀\ud83d\ude00","word":"w"}`, thing{Name: "😀😀", Word: "w"}},
		{"an escaped backslash before a u", `{"name":"\\ud800","word":"w"}`, thing{Name: `\ud800`, Word: "w"}},
		{"sixteen levels", `{"name":"n","word":"w","x":` + strings.Repeat("[", 15) + strings.Repeat("]", 15) + `}`, whole},
		{"brackets inside of strings", `{"name":"[[[[[[[[[[[[[[[[[[","word":"w"}`, thing{Name: strings.Repeat("[", 18), Word: "w"}},
		{"64 KiB", `{"name":"n","word":"w","x":"` + strings.Repeat("x", 64<<10-30) + `"}`, whole},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, answer := bind(t, post(test.body))
			require.Equal(t, 200, answer.ResponseRecorder.Code, answer.Body)
			require.Equal(t, test.want, got)
		})
	}
}

func TestBindRefusesATextThatIsNotOneStrictObject(t *testing.T) {
	for _, test := range []struct{ name, body, msg string }{
		{"nothing", ``, "the body is not valid JSON"},
		{"white space", ` `, "the body is not valid JSON"},
		{"null", `null`, "the body must be one JSON object"},
		{"an array", `[{"name":"n"}]`, "the body must be one JSON object"},
		{"a string", `"name"`, "the body must be one JSON object"},
		{"half an object", `{"name":"n"`, "the body is not valid JSON"},
		{"a comma too many", `{"name":"n",}`, "the body is not valid JSON"},
		{"two objects", `{"name":"n"}{"name":"n"}`, "the body is not valid JSON"},
		{"junk behind it", `{"name":"n"} x`, "the body is not valid JSON"},
		{"a byte order mark", "\ufeff{}", "the body is not valid JSON"},
		{"single quotes", `{'name':'n'}`, "the body is not valid JSON"},
		{"a comment", `{/**/"name":"n"}`, "the body is not valid JSON"},
		{"NaN", `{"count":NaN}`, "the body is not valid JSON"},
		{"a key twice", `{"name":"a","name":"b"}`, "the body names a field twice"},
		{"an unknown key twice", `{"x":1,"x":1}`, "the body names a field twice"},
		{"a key twice, once in disguise", `{"name":"a","n\u0061me":"b"}`, "the body names a field twice"},
		{"bytes that are no UTF-8", "{\"name\":\"\xff\"}", "the body is not valid UTF-8"},
		{"a surrogate in UTF-8", "{\"name\":\"\xed\xa0\x80\"}", "the body is not valid UTF-8"},
		{"a high surrogate alone", `{"name":"\ud83d"}`, "a JSON string holds a lone surrogate"},
		{"a high surrogate before another", `{"name":"\ud83d\ud83d"}`, "a JSON string holds a lone surrogate"},
		{"a high surrogate before a letter", `{"name":"\ud83dabcdef"}`, "a JSON string holds a lone surrogate"},
		{"a low surrogate alone", `{"name":"\uDE00"}`, "a JSON string holds a lone surrogate"},
		{"a lone surrogate in an unknown key", `{"\ud83d":1}`, "a JSON string holds a lone surrogate"},
		{"U+0000", `{"name":"a\u0000b"}`, "a JSON string must not hold U+0000"},
		{"U+0000 somewhere else", `{"x":["\u0000"]}`, "a JSON string must not hold U+0000"},
		{"seventeen levels of arrays", `{"x":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`,
			"the JSON must not nest deeper than 16 levels"},
		{"seventeen levels of objects", strings.Repeat(`{"x":`, 17) + "1" + strings.Repeat("}", 17),
			"the JSON must not nest deeper than 16 levels"},
		{"thirty thousand levels", strings.Repeat("[", 30000), "the body is not valid JSON"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, got := bind(t, post(test.body))
			require.Equal(t, 400, got.ResponseRecorder.Code)
			require.Equal(t, 400, got.Code)
			require.Equal(t, test.msg, got.Msg)
		})
	}
}

func TestBindListsEveryBadField(t *testing.T) {
	for _, test := range []struct {
		name, body string
		want       map[string]string
	}{
		{"fields that are missing", `{}`, map[string]string{"name": "is missing", "word": "is missing"}},
		{"null", `{"name":null,"word":null,"owner":null}`,
			map[string]string{"name": "must not be null", "word": "must not be null", "owner": "must not be null"}},
		{"an empty string", `{"name":"","word":"w"}`, map[string]string{"name": "must not be empty"}},
		{"other types", `{"name":1,"word":[],"count":"3","owner":{}}`, map[string]string{
			"name": "must be a string", "word": "must be a string", "count": "has the wrong type",
			"owner": "must be a positive integer id"}},
		{"a rule of the type", `{"name":"n","word":"a b"}`, map[string]string{"word": "must not hold spaces"}},
		{"a number beyond the type", `{"name":"n","word":"w","count":1e30}`, map[string]string{"count": "has the wrong type"}},
		{"another case", `{"NAME":"n","word":"w"}`, map[string]string{"name": "is written in another case"}},
		{"another case beside the right one", `{"name":"n","Name":"m","word":"w"}`,
			map[string]string{"name": "is written in another case"}},
		{"another case of a field that may be left out", `{"name":"n","word":"w","Count":1}`,
			map[string]string{"count": "is written in another case"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, got := bind(t, post(test.body))
			require.Equal(t, 400, got.ResponseRecorder.Code)
			var data struct {
				Errors []struct{ Field, Msg string }
			}
			require.NoError(t, json.Unmarshal(got.Data, &data))
			listed := map[string]string{}
			for _, e := range data.Errors {
				listed[e.Field] = e.Msg
			}
			require.Equal(t, test.want, listed)
			require.Len(t, data.Errors, len(test.want))
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
			r := post(body)
			r.Header = test.header
			_, got := bind(t, r)
			require.Equal(t, test.status, got.ResponseRecorder.Code)
		})
	}
}

// endless counts how much of it is read.
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
		r := post(strings.Repeat(" ", 70<<10))
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

func TestParseID(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "42": 42, "9223372036854775807": 1<<63 - 1,
		"0": 0, "": 0, "-1": 0, "+1": 0, "01": 0, " 1": 0, "1 ": 0, "1.0": 0, "1e0": 0, "0x1": 0, "1_0": 0,
		"9223372036854775808": 0, "٣": 0, "1\x00": 0, "99999999999999999999": 0,
	} {
		got, ok := httpapi.ParseID(text)
		require.Equal(t, want != 0, ok, "%q", text)
		if ok {
			require.Equal(t, want, got)
		}
	}
}

func TestAnIDInABody(t *testing.T) {
	for text, ok := range map[string]bool{
		`1`: true, `"1"`: true, `"\u0031"`: true, `9223372036854775807`: true,
		`0`: false, `"0"`: false, `1.0`: false, `"1.0"`: false, `1e0`: false, `"01"`: false, `-1`: false, `true`: false,
		`""`: false, `[1]`: false, `9223372036854775808`: false, `" 1"`: false,
	} {
		var id httpapi.ID
		require.Equal(t, ok, json.Unmarshal([]byte(text), &id) == nil, text)
	}
}

// BenchmarkBind reads the body of an order.
func BenchmarkBind(b *testing.B) {
	const body = `{"userid":"7","product":"product1","price":100.0}`
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	b.ReportAllocs()
	for b.Loop() {
		c.Request = httptest.NewRequest("POST", "/things", strings.NewReader(body))
		var order struct {
			UserID  httpapi.ID `json:"userid,omitzero"`
			Product string     `json:"product"`
			Price   float64    `json:"price"`
		}
		if err := httpapi.Bind(c, &order); err != nil {
			b.Fatal(err)
		}
	}
}
