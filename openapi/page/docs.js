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
  plugins: [() => ({
    statePlugins: {
      layout: { wrapSelectors: { isShown: foldInternal } },
      spec: { wrapActions: { setResponse: learn }, wrapSelectors: { taggedOperations: dropEmpty } },
    },
  })],
  onComplete: suggestName,
});

// foldInternal has tags with x-internal closed until somebody opens them. The action that closes a tag would change the
// address of the page.
function foldInternal(isShown, system) {
  return (_, thing, byDefault) => {
    const isInternal = thing[0] === "operations-tag" && system.specSelectors.tagDetails(thing[1]).get("x-internal");
    return isShown(thing, byDefault && !isInternal);
  };
}

// dropEmpty leaves out the tags of which this process serves nothing.
function dropEmpty(taggedOperations) {
  return () => taggedOperations().filter(tag => tag.get("operations").size > 0);
}

// learn has what an answer brings used for the requests after it: a token as if it had been entered under Authorize, and
// what the document's x-prefill says, as if it had been typed.
function learn(setResponse) {
  return (path, method, response) => {
    const done = setResponse(path, method, response);
    const answer = response.body;
    if (answer?.code !== 0) {
      return done;
    }
    if (typeof answer.data?.token === "string") {
      ui.preauthorizeApiKey("token", answer.data.token);
    }
    const request = parsed(ui.specSelectors.requestFor(path, method)?.get("body"));
    const operation = ui.specSelectors.specJson().getIn(["paths", path, method])?.toJS();
    for (const [id, expressions] of Object.entries(operation?.["x-prefill"] ?? {})) {
      const found = Object.entries(expressions).map(([name, expression]) => [name, evaluate(expression, request, answer)]);
      fill(id, Object.fromEntries(found.filter(([, value]) => value !== undefined)));
    }
    if (operation?.operationId === "register") {
      suggestName();
    }
    return done;
  };
}

// suggestName puts a name into the registration that nobody has: that of the example is taken after the first one.
function suggestName() {
  const username = "test-" + Math.random().toString(36).slice(2, 8);
  fill("register", { username, email: username + "@test.com" });
}

// evaluate returns the first value that there is of one or several runtime expressions.
function evaluate(expressions, request, response) {
  const sources = { "$request.body": request, "$response.body": response };
  return [expressions].flat().map(expression => {
    const [source, pointer] = expression.split("#/");
    return pointer.split("/").reduce((value, key) => value?.[key], sources[source]);
  }).find(value => value !== undefined);
}

// fill puts values into the request of an operation, which a process that does not serve it has not in its document. The
// rest of the request stays as it is.
function fill(operationId, values) {
  for (const [path, item] of ui.specSelectors.specJson().get("paths").entries()) {
    const method = item.findKey(operation => operation.get?.("operationId") === operationId);
    if (!method) {
      continue;
    }
    const body = {};
    for (const [name, value] of Object.entries(values)) {
      if (path.includes(`{${name}}`)) {
        setParameter([path, method], name, value);
      } else {
        body[name] = value;
      }
    }
    if (Object.keys(body).length > 0) {
      const example = item.getIn([method, "requestBody", "content", "application/json", "example"])?.toJS();
      const value = { ...example, ...parsed(ui.oas3Selectors.requestBodyValue(path, method)), ...body };
      ui.oas3Actions.setRequestBodyValue({ value: JSON.stringify(value, null, 2), pathMethod: [path, method] });
      ui.oas3Actions.setRetainRequestBodyValueFlag({ value: true, pathMethod: [path, method] }); // when it is opened
    }
  }
}

// setParameter sets a parameter of the path. Once an operation has been open, Swagger UI knows its parameters by identity.
function setParameter(pathMethod, name, value) {
  const known = ui.specSelectors.specResolvedSubtree(["paths", ...pathMethod])?.get("parameters");
  const parameter = known?.find(parameter => parameter.get("in") === "path" && parameter.get("name") === name);
  if (parameter) {
    ui.specActions.changeParamByIdentity(pathMethod, parameter, value, false);
  } else {
    ui.specActions.changeParam(pathMethod, name, "path", value, false);
  }
}

// parsed returns the value of a JSON text, or undefined if it is none, as one that somebody is still typing.
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// Fields that Swagger UI gives no name are named after what stands above them, for screen readers.
const nameless = "select:not([aria-label]), textarea:not([aria-label])";
new MutationObserver(() => {
  for (const field of page.querySelectorAll(nameless)) {
    const section = field.closest(".servers, .request-body, .opblock-section, .responses-wrapper, .response");
    field.setAttribute("aria-label", section?.querySelector("label, h4, .opblock-title")?.textContent.trim() || "value");
  }
}).observe(page, { childList: true, subtree: true });
