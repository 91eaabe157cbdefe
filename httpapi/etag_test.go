package httpapi

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
)

// withIfMatch returns the context of a request with these lines of If-Match.
func withIfMatch(lines []string) *gin.Context {
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = httptest.NewRequest(http.MethodPost, "/", nil)
	for _, line := range lines {
		c.Request.Header.Add("If-Match", line)
	}
	return c
}

func TestIfMatch(t *testing.T) {
	for _, test := range []struct {
		name     string
		lines    []string
		allows   []int64
		forbids  []int64
		isFaulty bool
	}{
		{name: "none allows any version", allows: []int64{1, 2}},
		{name: "* allows any version", lines: []string{" * "}, allows: []int64{1, 2}},
		{name: "a tag allows its version alone", lines: []string{`"2"`}, allows: []int64{2}, forbids: []int64{1, 3, 22}},
		{name: "a list allows each of its versions", lines: []string{`"2" ,, "4",`}, allows: []int64{2, 4}, forbids: []int64{3}},
		{name: "lines make one list", lines: []string{`"2"`, `"4"`}, allows: []int64{2, 4}, forbids: []int64{3}},
		{name: "a weak tag allows nothing", lines: []string{`W/"2"`}, forbids: []int64{2}},
		{name: "a tag that is none of ours allows nothing", lines: []string{`"abc", "", "02", "2.0", "x,y"`}, forbids: []int64{1, 2}},
		{name: "a version without quotes is malformed", lines: []string{`2`}, isFaulty: true},
		{name: "an open quote is malformed", lines: []string{`"2`}, isFaulty: true},
		{name: "a space in a tag is malformed", lines: []string{`"2 3"`}, isFaulty: true},
		{name: "tags without a comma are malformed", lines: []string{`"2" "3"`}, isFaulty: true},
		{name: "* in a list is malformed", lines: []string{`*, "2"`}, isFaulty: true},
		{name: "a lower case w/ is malformed", lines: []string{`w/"2"`}, isFaulty: true},
		{name: "an empty list is malformed", lines: []string{" , "}, isFaulty: true},
		{name: "an empty line is malformed", lines: []string{""}, isFaulty: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := IfMatch(withIfMatch(test.lines))
			if test.isFaulty {
				require.Equal(t, errIfMatch, err)
				return
			}
			require.NoError(t, err)
			for _, version := range test.allows {
				require.True(t, p.Allows(version), version)
			}
			for _, version := range test.forbids {
				require.False(t, p.Allows(version), version)
			}
		})
	}
}

func TestSetETag(t *testing.T) {
	c := withIfMatch(nil)
	SetETag(c, 12)
	require.Equal(t, `"12"`, c.Writer.Header().Get("ETag"))
}
