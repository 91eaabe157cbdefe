package limits

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

func TestFlushCountsAndRemovesItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flushed")
	for _, appending := range []bool{false, true} {
		count, err := Flush(path, appending, time.Millisecond)
		require.NoError(t, err)
		require.Positive(t, count.Rate())
		require.NoFileExists(t, path)
	}
}

func TestEachWorkerHashesAtLeastOnce(t *testing.T) {
	require.GreaterOrEqual(t, Hash(2, time.Millisecond).Done, 2)
}

func TestGinVerifiesTheTokenAndRespondsLikeBare(t *testing.T) {
	secret := []byte("a secret")
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		Subject: "1", ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Hour)),
	}).SignedString(secret)
	require.NoError(t, err)
	bare, withGin := Bare(), Gin(secret)
	for route, answer := range map[string]string{
		"GET /user/info": account, "GET /order/query/1": found, "GET /order/list": listed, "POST /order/create": created, "DELETE /order/cancel/1": cancelled,
	} {
		method, path, _ := strings.Cut(route, " ")
		ask := func(h http.Handler, token string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(method, path, strings.NewReader("{}"))
			r.Header.Set("Authorization", "Bearer "+token)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w
		}
		require.Equal(t, 401, ask(withGin, token+"x").Code)
		for _, h := range []http.Handler{bare, withGin} {
			w := ask(h, token)
			require.Equal(t, 200, w.Code)
			require.Equal(t, answer, w.Body.String(), route)
			require.Equal(t, contentType, w.Header().Get("Content-Type"))
		}
	}
}
