package order

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// members returns an object with count members, whose values have a length.
func members(count, length int) string {
	var list []string
	for i := range count {
		list = append(list, fmt.Sprintf(`"n%02d":%q`, i, strings.Repeat("v", length)))
	}
	return "{" + strings.Join(list, ",") + "}"
}

func TestMetadata(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"is kept", `{"size":"M"}`, `{"size":"M"}`},
		{"is kept in the order of its names", `{ "b" : "2",
			"a":"1", "电话":"3", "B":"4" }`, `{"B":"4","a":"1","b":"2","电话":"3"}`},
		{"may have escapes, which are resolved", `{"a\u0062":"\u4e2d\/<>&\"\\"}`, `{"ab":"中/<>&\"\\"}`},
		{"may have line breaks", `{"address":"one\r\ntwo"}`, `{"address":"one\r\ntwo"}`},
		{"may have empty values", `{"a":""}`, `{"a":""}`},
		{"may be empty, which is none", `{}`, ``},
		{"may have 20 members", members(20, 1), members(20, 1)},
		{"may have values of 500 characters", `{"a":"` + strings.Repeat("字", 500) + `"}`, `{"a":"` + strings.Repeat("字", 500) + `"}`},
		{"may have names of 40 characters", `{"` + strings.Repeat("字", 40) + `":"v"}`, `{"` + strings.Repeat("字", 40) + `":"v"}`},
		{"may have 4 KiB", members(16, 253), members(16, 253)},
	} {
		t.Run(test.name, func(t *testing.T) {
			var m metadata
			require.NoError(t, m.UnmarshalJSON([]byte(test.text)))
			require.Equal(t, test.want, string(m))
		})
	}
}

func TestNoMetadata(t *testing.T) {
	for name, text := range map[string]string{
		"an array":                          `[]`,
		"a string":                          `"a"`,
		"a number":                          `1`,
		"a number in it":                    `{"a":1}`,
		"null in it":                        `{"a":null}`,
		"an object in it":                   `{"a":{}}`,
		"an empty name":                     `{"":"a"}`,
		"a name twice":                      `{"a":"1","a":"2"}`,
		"a name twice, once with an escape": `{"a":"1","\u0061":"2"}`,
		"a control character":               `{"a":"\t"}`,
		"a control character in a name":     `{"a\n":"b"}`,
		"21 members":                        members(21, 1),
		"a value of 501 characters":         `{"a":"` + strings.Repeat("字", 501) + `"}`,
		"a name of 41 characters":           `{"` + strings.Repeat("n", 41) + `":"v"}`,
		"more than 4 KiB":                   members(16, 254),
	} {
		t.Run(name, func(t *testing.T) {
			var m metadata
			require.ErrorIs(t, m.UnmarshalJSON([]byte(text)), textMetadata)
		})
	}
}
