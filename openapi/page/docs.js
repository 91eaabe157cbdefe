const dark = matchMedia("(prefers-color-scheme: dark)");
const setTheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", setTheme);
setTheme();

const page = document.getElementById("docs");
const ui = SwaggerUIBundle({
  domNode: page,
  url: new URL(page.dataset.document, document.baseURI).href, // absolute, for the document's server is relative to it
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: -1,
  persistAuthorization: false, // a token must not stay in the browser
  validatorUrl: null, // it would send the document's address to another host
  responseInterceptor: useToken,
});

// useToken has the token of a login sent with the requests after it, as if it had been entered under Authorize.
function useToken(response) {
  const answer = response.body;
  if (answer && answer.code === 0 && answer.data && typeof answer.data.token === "string") {
    ui.preauthorizeApiKey("token", answer.data.token);
  }
  return response;
}

// Fields that Swagger UI gives no name are named after what stands above them, for screen readers.
const nameless = "select:not([aria-label]), textarea:not([aria-label])";
new MutationObserver(() => {
  for (const field of page.querySelectorAll(nameless)) {
    const section = field.closest(".servers, .request-body, .opblock-section, .responses-wrapper, .response");
    field.setAttribute("aria-label", section?.querySelector("label, h4, .opblock-title")?.textContent.trim() || "value");
  }
}).observe(page, { childList: true, subtree: true });
