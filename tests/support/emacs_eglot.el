;;; emacs_eglot.el --- A user of eglot  -*- lexical-binding: t; -*-

(require 'eglot)

(defun user-is-attached ()
  (and (eglot-managed-p) t))

(defun user-start ()
  (call-interactively #'eglot)
  t)

(defun user--here ()
  (if (use-region-p) (list (region-beginning) (region-end)) (list (point) (point))))

(defun user-code-actions ()
  (vconcat (mapcar (lambda (action) (plist-get action :title))
                   (apply #'eglot-code-actions (user--here)))))

(defun user-run-action (title)
  (user-choosing title (lambda () (let ((last-nonmenu-event ?a))
                                    (call-interactively #'eglot-code-actions)))))

(defun user-diagnostics ()
  (vconcat
   (mapcar (lambda (found)
             (list :line (line-number-at-pos (flymake-diagnostic-beg found))
                   :type (format "%s" (flymake-diagnostic-type found))
                   :message (flymake-diagnostic-text found)))
           (sort (flymake-diagnostics)
                 (lambda (one other)
                   (< (flymake-diagnostic-beg one) (flymake-diagnostic-beg other)))))))

(defun user-hover ()
  (let* ((answer (jsonrpc-request (eglot-current-server) :textDocument/hover
                                  (eglot--TextDocumentPositionParams)))
         (contents (plist-get answer :contents)))
    (if contents (eglot--hover-info contents (plist-get answer :range)) :null)))

(defun user-execute (command argument)
  (jsonrpc-request (eglot-current-server) :workspace/executeCommand
                   (list :command command :arguments (vector argument))))

(defun user-ends ()
  "Nothing: eglot 1.9 shows no progress."
  (vector))

(defun user-end ()
  (eglot-shutdown (eglot-current-server))
  t)

(provide 'emacs_eglot)
;;; emacs_eglot.el ends here
