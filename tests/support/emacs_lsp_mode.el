;;; emacs_lsp_mode.el --- A user of lsp-mode  -*- lexical-binding: t; -*-

(require 'lsp-mode)
(require 'lsp-diagnostics)
(require 'lsp-modeline)
(require 'flymake)

(setq lsp-session-file (locate-user-emacs-file "session")
      lsp-auto-guess-root t
      lsp-diagnostics-provider :flymake
      lsp-headerline-breadcrumb-enable nil
      lsp-enable-snippet nil)

(defvar user--ends nil
  "With what each work has ended, newest first.")

;; The mode line shows it for a moment and then forgets it.
(define-advice lsp--on-notification (:before (_workspace notification) user)
  (when (equal (lsp-get notification :method) "$/progress")
    (let ((value (lsp-get (lsp-get notification :params) :value)))
      (when (equal (lsp-get value :kind) "end")
        (push (or (lsp-get value :message) "") user--ends)))))

(defun user-ends ()
  (vconcat (reverse user--ends)))

(defun user-is-attached ()
  (and (bound-and-true-p lsp-mode)
       (seq-find (lambda (workspace) (eq (lsp--workspace-status workspace) 'initialized))
                 (lsp-workspaces))
       t))

(defun user-start ()
  (lsp)
  t)

(defun user-code-actions ()
  (vconcat (mapcar (lambda (action) (lsp-get action :title))
                   (append (lsp-code-actions-at-point) nil))))

(defun user-run-action (title)
  (user-choosing title (lambda () (call-interactively #'lsp-execute-code-action))))

(defun user-diagnostics ()
  (vconcat
   (mapcar (lambda (found)
             (list :line (1+ (lsp-get (lsp-get (lsp-get found :range) :start) :line))
                   :message (lsp-get found :message)))
           (sort (copy-sequence (lsp--get-buffer-diagnostics))
                 (lambda (one other)
                   (< (lsp-get (lsp-get (lsp-get one :range) :start) :line)
                      (lsp-get (lsp-get (lsp-get other :range) :start) :line)))))))

(defun user-hover ()
  (let* ((answer (lsp-request "textDocument/hover" (lsp--text-document-position-params)))
         (contents (and answer (lsp-get answer :contents))))
    (if contents (lsp--render-on-hover-content contents t) :null)))

(defun user-execute (command argument)
  (lsp-request "workspace/executeCommand"
               (list :command command :arguments (vector argument))))

(defun user-end ()
  (lsp-workspace-shutdown (car (lsp-workspaces)))
  t)

(provide 'emacs_lsp_mode)
;;; emacs_lsp_mode.el ends here
