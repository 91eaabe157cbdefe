package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
)

// word checks its own values.
type word string

func (w *word) UnmarshalText(text []byte) error {
	if strings.ContainsRune(string(text), ' ') {
		return httpapi.Text{ZH: "不含空格", EN: "must not contain spaces"}
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

// bind serves r, whose body is a thing, and returns what Bind made of it.
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
	got := serve(t, engine, r) // sets read
	return read, got
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
			got, answer := bind(t, httpapitest.Request("POST /things", "", test.body))
			require.Equal(t, 200, answer.ResponseRecorder.Code, answer.Body)
			require.Equal(t, test.want, got)
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
		{"a rule of the type", `{"name":"n","word":"a b"}`, map[string]string{"word": "must not contain spaces"}},
		{"a number beyond the type", `{"name":"n","word":"w","count":1e30}`, map[string]string{"count": "has the wrong type"}},
		{"another case", `{"NAME":"n","word":"w"}`, map[string]string{"name": "must be written in exactly this letter case"}},
		{"another case beside the right one", `{"name":"n","Name":"m","word":"w"}`,
			map[string]string{"name": "must be written in exactly this letter case"}},
		{"another case of a field that may be left out", `{"name":"n","word":"w","Count":1}`,
			map[string]string{"count": "must be written in exactly this letter case"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, got := bind(t, httpapitest.Request("POST /things", "", test.body))
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

// BenchmarkBind decodes the body of an order.
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
