//go:build unix

package e2e

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// browser returns a tab of a headless Chromium with a profile of its own, which asks for Chinese.
func browser(t *testing.T, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	need(t, "chromium", err)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1200, 1400),
		chromedp.NoSandbox, chromedp.DisableGPU, // it may run as root, in a container
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("accept-lang", "zh-CN"),
		chromedp.Flag("ignore-certificate-errors-spki-list", fingerprint()),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
	)
	options = append(options, more...)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	return ctx
}

// visit is what a tab asks for, and what it complains of: exceptions, failed requests, breaches of the policy.
type visit struct {
	mu         sync.Mutex
	requests   []string
	complaints []string
}

func watch(ctx context.Context, t *testing.T) *visit {
	t.Helper()
	v := &visit{}
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		v.mu.Lock()
		defer v.mu.Unlock()
		switch event := event.(type) {
		case *network.EventRequestWillBeSent:
			v.requests = append(v.requests, event.Request.URL)
		case *log.EventEntryAdded:
			v.complaints = append(v.complaints, event.Entry.Text)
		case *runtime.EventConsoleAPICalled:
			if event.Type == runtime.ConsoleAPICalledTypeError {
				v.complaints = append(v.complaints, fmt.Sprint(event.Args))
			}
		case *runtime.EventExceptionThrown:
			v.complaints = append(v.complaints, event.ExceptionDetails.Text)
		}
	}))
	return v
}

// requireAtHome checks that nothing was asked of anybody but base, and that nothing was complained of.
func (v *visit) requireAtHome(t *testing.T, base string) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	require.Empty(t, v.complaints)
	require.Greater(t, len(v.requests), 8)
	for _, url := range v.requests {
		require.True(t, strings.HasPrefix(url, base+"/") || strings.HasPrefix(url, "data:image/"), "it asked for %s", url)
	}
}

// screenshot keeps what the tab shows in docs/screenshots, if UPDATE_SCREENSHOTS=1.
func screenshot(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	if os.Getenv("UPDATE_SCREENSHOTS") != "1" {
		return
	}
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	require.NoError(t, err)
	require.Less(t, len(picture), 300<<10)
	require.NoError(t, os.WriteFile(filepath.Join("..", "docs", "screenshots", name), picture, 0o644))
}

// tryOut opens an operation, sends its example, and returns the answer as the page shows it.
func tryOut(ctx context.Context, t *testing.T, operation string) (shown string) {
	t.Helper()
	block := "#operations-" + operation
	require.NoError(t, chromedp.Do(ctx,
		chromedp.Click(chromedp.CSS(block+" .opblock-summary-control")),
		chromedp.Click(chromedp.CSS(block+" .try-out__btn")),
	), operation)
	return execute(ctx, t, block)
}

// execute sends what an open operation shows, and returns the answer as the page shows it.
func execute(ctx context.Context, t *testing.T, block string) (shown string) {
	t.Helper()
	require.NoError(t, chromedp.Do(ctx,
		chromedp.Click(chromedp.CSS(block+" .execute")),
		chromedp.WaitVisible(chromedp.CSS(block+" .live-responses-table .response-col_status")),
	), block)
	shown, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS(block+" .live-responses-table .response")))
	require.NoError(t, err, block)
	return shown
}

var shownToken = regexp.MustCompile(`"token":\s*"([^"]+)"`)

// useThePage tries the tutorial out. The token of the login is used for the rest by itself.
func useThePage(ctx context.Context, t *testing.T) {
	t.Helper()
	require.Contains(t, tryOut(ctx, t, "user-register"), "注册成功")
	require.Regexp(t, shownToken, tryOut(ctx, t, "user-login"))
	require.Contains(t, tryOut(ctx, t, "order-createOrder"), "创建成功")
	query := tryOut(ctx, t, "order-queryOrder")
	require.Contains(t, query, "查询成功")
	require.Contains(t, query, "product1")
}

func TestThePageOfTheDocumentWorksInABrowserAndAsksNobodyElse(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	base := start(t, t.TempDir()).url(t)
	seen := watch(ctx, t)
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(base+"/"), chromedp.WaitVisible(chromedp.CSS("#operations-user-register"))))
	location, err := chromedp.Run(ctx, chromedp.Location())
	require.NoError(t, err)
	require.Equal(t, base+"/docs", location)
	_, err = chromedp.Run(ctx, chromedp.Evaluate[bool](`document.getElementById("operations-tag-user").scrollIntoView(), true`))
	require.NoError(t, err)
	screenshot(ctx, t, "docs.png")

	useThePage(ctx, t)
	require.NoError(t, chromedp.Do(ctx, chromedp.ScrollIntoView(chromedp.CSS("#operations-order-queryOrder .live-responses-table .response"))))
	screenshot(ctx, t, "try-it-out.png")

	kept, err := chromedp.Run(ctx, chromedp.Evaluate[int]("localStorage.length + sessionStorage.length + document.cookie.length"))
	require.NoError(t, err)
	require.Zero(t, kept, "the page keeps something")
	seen.requireAtHome(t, base)
}

// refusedOnThePage holds what the page shows for the examples of a customer who sends all of them in their order, without a
// mail server. Those of all other operations are successes.
var refusedOnThePage = map[string]string{
	"order-setOrderStatus": "订单不存在", // it was cancelled before
	"staff-listUsers":      "权限不足", "staff-updateUser": "权限不足", "staff-orderEvents": "权限不足",
	"staff-orderWebhooks": "权限不足", "staff-retryOrderWebhooks": "权限不足",
	"account-forgotPassword": "未配置邮件服务", "account-resetPassword": "链接无效或已过期",
	"account-eraseAccount": "请先登录", // the session was ended before
}

// sendAsItIs opens an operation, sends its example, returns the answer and closes it again: the page is slow with many that are
// open.
const sendAsItIs = `(async () => {
	const block = document.getElementById("operations-%s");
	const find = async selector => {
		for (;;) {
			const found = block.querySelector(selector);
			if (found) {
				return found;
			}
			await new Promise(next => requestAnimationFrame(next));
		}
	};
	block.querySelector(".opblock-summary-control").click();
	(await find(".try-out__btn")).click();
	(await find(".execute")).click();
	const shown = (await find(".live-responses-table .response .response-col_description")).textContent;
	block.querySelector(".opblock-summary-control").click();
	return shown;
})()`

func TestEachNewcomerSendsWhatThePageHasFilledInAndSucceeds(t *testing.T) {
	t.Parallel()
	base := start(t, t.TempDir()).url(t)
	for _, who := range []string{"the first", "the second"} {
		ctx := browser(t)
		require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(base+"/docs"), chromedp.WaitVisible(chromedp.CSS("#operations-user-register"))))
		operations, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](
			`[...document.querySelectorAll(".opblock")].map(block => block.id.replace("operations-", ""))`))
		require.NoError(t, err)
		operations = slices.DeleteFunc(operations, func(operation string) bool { return strings.HasPrefix(operation, "webhooks-") })
		require.Greater(t, len(operations), 20)
		for _, operation := range operations {
			shown, err := chromedp.Run(ctx, chromedp.Evaluate[string](fmt.Sprintf(sendAsItIs, operation), chromedp.EvalAwaitPromise))
			require.NoError(t, err, operation)
			if want := refusedOnThePage[operation]; want != "" {
				require.Contains(t, shown, want, "%s: %s", who, operation)
			} else {
				require.Regexp(t, `"code":\s*0\b`, shown, "%s: %s", who, operation)
			}
		}
	}
}

func TestThePageFillsInTheLastAnswerAlsoWhereSomethingWasTyped(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	base := start(t, t.TempDir()).url(t)
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(base+"/docs"), chromedp.WaitVisible(chromedp.CSS("#operations-user-register"))))
	useThePage(ctx, t) // leaves the operations open, in which nothing is by default any more
	again := func(operation string) string {
		t.Helper()
		block := "#operations-" + operation
		require.NoError(t, chromedp.Do(ctx,
			chromedp.Click(chromedp.CSS(block+" .btn-clear")),
			chromedp.WaitNotPresent(chromedp.CSS(block+" .live-responses-table")),
		), operation)
		return execute(ctx, t, block)
	}
	require.Contains(t, again("user-register"), "注册成功", "the name was taken")
	require.Contains(t, again("user-login"), "登录成功")
	require.Contains(t, again("order-createOrder"), `"id": "2"`)
	require.Contains(t, again("order-queryOrder"), `"id": "2"`)
	id := chromedp.CSS("#operations-order-queryOrder .parameters input[placeholder=orderid]")
	require.NoError(t, chromedp.Do(ctx, chromedp.SendKeys(id, kb.End+kb.Backspace+"1")))
	require.Contains(t, again("order-queryOrder"), "无权操作其他用户的订单", "what was typed is not what was sent")
	require.Contains(t, again("order-createOrder"), `"id": "3"`)
	require.Contains(t, again("order-queryOrder"), `"id": "3"`)
}

func TestWhatMachinesCallIsFoldedUntilSomebodyOpensIt(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	base := start(t, t.TempDir()).url(t)
	open := func() (tags []string) {
		t.Helper()
		tags, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](
			`[...document.querySelectorAll("h3.opblock-tag[data-is-open=true]")].map(tag => tag.dataset.tag)`))
		require.NoError(t, err)
		return tags
	}
	service := chromedp.CSS("#operations-tag-service")
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(base+"/docs"), chromedp.WaitVisible(service)))
	require.Equal(t, []string{"user", "order", "staff", "account"}, open())
	require.NoError(t, chromedp.Do(ctx, chromedp.Click(service), chromedp.WaitVisible(chromedp.CSS("#operations-service-alive"))))
	require.Contains(t, tryOut(ctx, t, "service-alive"), "运行中")
	require.NoError(t, chromedp.Do(ctx, chromedp.Click(service), chromedp.WaitNotPresent(chromedp.CSS("#operations-service-alive"))))
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(base+"/docs#/service/ready"),
		chromedp.WaitVisible(chromedp.CSS("#operations-service-ready .responses-table")))) // a link to it opens it
}

func TestATokenCanBeEnteredOnThePageByHand(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	base := start(t, t.TempDir()).url(t)
	token := login(t, base)
	require.NoError(t, chromedp.Do(ctx,
		chromedp.Navigate(base+"/docs/"),
		chromedp.Click(chromedp.CSS(".auth-wrapper .authorize")),
		chromedp.SendKeys(chromedp.CSS(".modal-ux input"), token),
		chromedp.Click(chromedp.CSS(".modal-ux .authorize")),
		chromedp.Click(chromedp.CSS(".modal-ux .btn-done")),
	))
	require.Contains(t, tryOut(ctx, t, "order-createOrder"), "创建成功")
}

func TestThePageWorksBehindAPathPrefix(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	base := start(t, t.TempDir()).url(t)
	target, err := url.Parse(base)
	require.NoError(t, err)
	proxy := httptest.NewServer(http.StripPrefix("/shop/api", httputil.NewSingleHostReverseProxy(target)))
	t.Cleanup(proxy.Close)
	for _, path := range []string{"/shop/api/", "/shop/api/docs/"} {
		require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(proxy.URL+path), chromedp.WaitVisible(chromedp.CSS("#operations-user-register"))))
		location, err := chromedp.Run(ctx, chromedp.Location())
		require.NoError(t, err)
		require.Equal(t, proxy.URL+"/shop/api/docs", strings.TrimSuffix(location, "/"))
		useThePage(ctx, t) // by another user each time
	}
}

func TestASecondVisitOfThePageLoadsNoFileAgain(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	base := start(t, t.TempDir()).url(t)
	const transferred = `performance.getEntriesByType("resource").reduce((sum, file) => sum + file.transferSize, 0)`
	var sizes [2]int
	for i := range sizes {
		require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(base+"/docs"), chromedp.WaitVisible(chromedp.CSS("#operations-user-register"))))
		size, err := chromedp.Run(ctx, chromedp.Evaluate[int](transferred))
		require.NoError(t, err)
		sizes[i] = size
		require.NoError(t, chromedp.Do(ctx, chromedp.Navigate("about:blank")))
	}
	require.Greater(t, sizes[0], 400_000)
	require.Less(t, sizes[0], 600_000, "the files are not compressed")
	require.Less(t, sizes[1], 2_000, "more than a 304 for the document")
}

// axe is Deque's axe-core, from the npm folder of the tests of clients.
func axe(t *testing.T) string {
	t.Helper()
	const file = "clients/node_modules/axe-core/axe.min.js"
	script, err := os.ReadFile(file)
	if err != nil {
		_, err = exec.LookPath("npm")
		need(t, "npm", err)
		command := exec.Command("npm", "ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
		command.Dir = "clients"
		out, err := command.CombinedOutput()
		need(t, "npm ci: "+string(out), err)
		script, err = os.ReadFile(file)
		require.NoError(t, err)
	}
	return string(script)
}

// finding is a rule that a page breaks, and where.
type finding struct {
	ID, Impact string
	Nodes      []struct {
		HTML   string
		Target []any
		Any    []struct{ Message string }
	}
}

func TestThePageHasNoFaultThatKeepsPeopleOut(t *testing.T) {
	t.Parallel()
	script := axe(t)
	for _, theme := range []string{"light", "dark"} {
		t.Run(theme, func(t *testing.T) {
			t.Parallel()
			ctx := browser(t, chromedp.Flag("blink-settings", "preferredColorScheme="+map[string]string{"light": "1", "dark": "0"}[theme]))
			base := start(t, t.TempDir()).url(t)
			require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(base+"/docs"), chromedp.WaitVisible(chromedp.CSS("#operations-user-register"))))
			dark, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.documentElement.classList.contains("dark-mode")`))
			require.NoError(t, err)
			require.Equal(t, theme == "dark", dark)
			require.Contains(t, tryOut(ctx, t, "user-register"), "注册成功") // so that an operation is open
			_, err = chromedp.Run(ctx, chromedp.Evaluate[bool](script+"; true"))
			require.NoError(t, err)
			found, err := chromedp.Run(ctx, chromedp.Evaluate[[]finding]("axe.run().then(result => result.violations)", chromedp.EvalAwaitPromise))
			require.NoError(t, err)
			for _, finding := range found {
				if finding.Impact == "critical" || finding.Impact == "serious" {
					// In Swagger UI the line of an operation can be clicked, and so can buttons in it.
					require.Equal(t, "nested-interactive", finding.ID, "%+v", finding.Nodes)
				}
			}
		})
	}
}

// operationsOf returns the elements on the page of the operations and webhooks in the document, like
// "#operations-user-login".
func operationsOf(t *testing.T, base string) (elements []string) {
	t.Helper()
	var document struct {
		Paths, Webhooks map[string]map[string]json.RawMessage
	}
	require.NoError(t, json.Unmarshal([]byte(send("GET", base+"/openapi.json", "", "").body), &document))
	add := func(item map[string]json.RawMessage, section string) {
		for name, text := range item {
			if name == "parameters" {
				continue
			}
			var operation struct {
				OperationID string
				Tags        []string
			}
			require.NoError(t, json.Unmarshal(text, &operation))
			elements = append(elements, "#operations-"+cmp.Or(section, operation.Tags[0])+"-"+operation.OperationID)
		}
	}
	for _, item := range document.Paths {
		add(item, "")
	}
	require.NotEmpty(t, document.Webhooks)
	for _, item := range document.Webhooks {
		add(item, "webhooks")
	}
	require.Greater(t, len(elements), 15)
	return elements
}

func TestThePageShowsEveryOperationAndFitsAPhone(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	base := start(t, t.TempDir()).url(t)
	const width = 390
	require.NoError(t, chromedp.Do(ctx, chromedp.EmulateViewport(width, 844, chromedp.EmulateMobile),
		chromedp.Navigate(base+"/docs"), chromedp.WaitVisible(chromedp.CSS("#operations-user-register"))))
	requireFit := func(script, what string) {
		t.Helper()
		right, err := chromedp.Run(ctx, chromedp.Evaluate[float64](script))
		require.NoError(t, err)
		require.LessOrEqual(t, right, float64(width), "%s is wider than a phone", what)
	}
	const page = `document.documentElement.scrollWidth`
	requireFit(page, "the page")
	// At once: the page takes seconds to open one by one what is below others that are open.
	require.NoError(t, chromedp.Do(ctx, chromedp.Click(chromedp.CSS("#operations-tag-service")), chromedp.WaitVisible(chromedp.CSS("#operations-service-ready"))))
	_, err := chromedp.Run(ctx, chromedp.Evaluate[int](`[...document.querySelectorAll(".opblock-summary-control")].map(line => line.click()).length`))
	require.NoError(t, err)
	for _, element := range operationsOf(t, base) {
		require.NoError(t, chromedp.Do(ctx, chromedp.WaitVisible(chromedp.CSS(element+" .responses-table"))), element)
	}
	requireFit(page, "an open operation")
	triable, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.querySelectorAll(".webhooks .try-out__btn").length`))
	require.NoError(t, err)
	require.Zero(t, triable, "a webhook can be tried out, as if the service received it")
	require.NoError(t, chromedp.Do(ctx,
		chromedp.Click(chromedp.CSS("#operations-user-logout .try-out__btn")),
		chromedp.Click(chromedp.CSS("#operations-user-logout .execute")),
		chromedp.WaitVisible(chromedp.CSS("#operations-user-logout .live-responses-table .response-col_status")),
	))
	requireFit(page, "an answer")
	require.NoError(t, chromedp.Do(ctx,
		chromedp.Click(chromedp.CSS(".auth-wrapper .authorize")), chromedp.WaitVisible(chromedp.CSS(".modal-ux input")),
	))
	requireFit(`document.querySelector(".modal-ux").getBoundingClientRect().right`, "the dialog for a token")
	requireFit(page, "the page with the dialog")
}
