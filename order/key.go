package order

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"userorder/database"
	"userorder/httpapi"
)

const maxKey = 255 // bytes

var (
	errKey = httpapi.NewError(http.StatusBadRequest, httpapi.Text{
		ZH: "Idempotency-Key 须为 1 到 255 个可见 ASCII 字符，且只出现一次",
		EN: "Idempotency-Key must be 1 to 255 visible ASCII characters, given once",
	})
	errKeyUsed = httpapi.NewError(http.StatusUnprocessableEntity, httpapi.Text{
		ZH: "该幂等键已用于另一个请求", EN: "the idempotency key was used for another request",
	})
	errRepeat = httpapi.NewError(http.StatusServiceUnavailable, httpapi.Text{
		ZH: "结果未知，请用同一幂等键重试", EN: "outcome unknown, try again with the same idempotency key",
	})
)

// keyOf returns the idempotency key of a request, "" if it has none, or a 400.
func keyOf(c *gin.Context) (key string, err error) {
	values := c.Request.Header.Values("Idempotency-Key")
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1, values[0] == "", len(values[0]) > maxKey:
		return "", errKey
	}
	for _, b := range []byte(values[0]) {
		if b <= ' ' || b >= 0x7f {
			return "", errKey
		}
	}
	return values[0], nil
}

// createOnce is create for a draft with an idempotency key. If its creator has used the key before, it returns the order
// of then, as it was at first, and the language of the answer; or errKeyUsed if that request was another one. Of many calls
// at once, in any processes, one creates the order. If the outcome is unknown, the error tells the client to repeat it.
func (s *service) createOnce(ctx context.Context, d draft) (o order, language string, replayed bool, err error) {
	const tries = 3 // a row that stands in the way may not be there any more when it is looked for
	for range tries {
		o, err = s.create(ctx, d)
		switch {
		case errors.Is(err, database.ErrOutcomeUnknown):
			return order{}, "", false, fmt.Errorf("%w: %w", errRepeat, err)
		case !errors.Is(err, errKeyTaken):
			return o, d.language, false, err
		}
		o, language, err = s.store.byKey(ctx, d.creator, d.key)
		switch {
		case errors.Is(err, errNotFound):
		case errors.Is(err, database.ErrOutcomeUnknown):
			return order{}, "", false, fmt.Errorf("%w: %w", errRepeat, err)
		case err != nil:
			return order{}, "", false, err
		case o.UserID != d.UserID || o.Product != d.Product || o.Price != d.Price || o.Metadata != d.Metadata:
			return order{}, "", false, errKeyUsed
		default:
			return o.asCreated(), language, true, nil
		}
	}
	return order{}, "", false, fmt.Errorf("%w: the order with the idempotency key comes and goes", database.ErrUnavailable)
}
