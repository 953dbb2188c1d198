/* Leads what is meant for *.web.telegram.org to the server this page came from. Put in front of the client's scripts. */
(function (scope) {
  "use strict";
  if (scope.__ledHome) return;
  scope.__ledHome = true;
  var here = new URL(String(scope.location.href).replace(/^blob:/, ""));
  var secure = here.protocol === "https:";
  var away = /(^|\.)web\.telegram\.org$/;
  function home(address) {
    try {
      var found = new URL(String(address), here.href);
      if (!away.test(found.hostname)) return address;
      var socket = found.protocol === "wss:" || found.protocol === "ws:";
      var scheme = socket ? (secure ? "wss:" : "ws:") : here.protocol;
      return scheme + "//" + here.host + found.pathname + found.search;
    } catch (fault) {
      return address;
    }
  }
  if (scope.WebSocket) {
    var Socket = scope.WebSocket;
    scope.WebSocket = class extends Socket {
      constructor(address, protocols) {
        if (protocols === undefined) super(home(address));
        else super(home(address), protocols);
      }
    };
  }
  if (scope.fetch) {
    var fetch = scope.fetch;
    scope.fetch = function (what, options) {
      if (scope.Request && what instanceof scope.Request) {
        var led = home(what.url);
        if (led !== what.url) what = new scope.Request(led, what);
      } else {
        what = home(what);
      }
      return fetch.call(scope, what, options);
    };
  }
  if (scope.XMLHttpRequest) {
    var open = scope.XMLHttpRequest.prototype.open;
    scope.XMLHttpRequest.prototype.open = function () {
      arguments[1] = home(arguments[1]);
      return open.apply(this, arguments);
    };
  }
})(self);
