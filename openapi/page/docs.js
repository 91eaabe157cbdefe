SwaggerUIBundle({
  dom_id: "#docs",
  url: "openapi.yaml",
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: -1,
  persistAuthorization: false, // a token must not stay in the browser
  validatorUrl: null, // would send the address of the document to another host
});
