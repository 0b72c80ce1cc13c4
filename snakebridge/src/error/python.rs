//! Python's exceptions by kind, so that Rust matches on a variant and not on a string.

use super::{Error, Exception};

macro_rules! exceptions {
    ($($(#[$doc:meta])* $variant:ident),+ $(,)?) => {
        /// A class of Python's own exceptions, or the name of any other.
        ///
        /// It is the class that was raised: a `FileNotFoundError` is not an [`OSError`](Self::OSError) here, though it is one in
        /// Python; [`is_lookup`](Self::is_lookup) and its like ask for the whole family.
        ///
        /// ```
        /// use snakebridge::error::{Exception, PythonException};
        ///
        /// let exception = Exception::new("KeyError", "'tea'");
        /// match exception.kind() {
        ///     PythonException::KeyError => {}
        ///     PythonException::Other(name) => panic!("{name}"),
        ///     kind => panic!("{kind:?}"),
        /// }
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum PythonException<'a> {
            $($(#[$doc])* $variant,)+
            /// Any other, by its name: `json.decoder.JSONDecodeError`, `my_module.MyError`.
            Other(&'a str),
        }

        impl<'a> PythonException<'a> {
            /// The class of that name. Names of modules that Python's own have in no message are part of it.
            pub fn of_name(name: &'a str) -> Self {
                match name {
                    $(stringify!($variant) => Self::$variant,)+
                    _ => Self::Other(name),
                }
            }

            /// Its name, as Python prints it.
            pub fn name(&self) -> &'a str {
                match *self {
                    $(Self::$variant => stringify!($variant),)+
                    Self::Other(name) => name,
                }
            }
        }
    };
}

exceptions! {
    /// A value of the right type makes no sense.
    ValueError,
    /// A value of a type that does not fit.
    TypeError,
    /// A key that a map has not got.
    KeyError,
    /// A place outside of a sequence.
    IndexError,
    /// A lookup of another kind that failed.
    LookupError,
    /// An object has no such attribute.
    AttributeError,
    /// A name that is not defined.
    NameError,
    /// A local variable that has no value yet.
    UnboundLocalError,
    /// What fits nowhere else.
    RuntimeError,
    /// What is not written yet.
    NotImplementedError,
    /// Calls nested too deeply.
    RecursionError,
    /// An assertion that does not hold.
    AssertionError,
    /// Arithmetic of another kind that failed.
    ArithmeticError,
    /// A division by zero.
    ZeroDivisionError,
    /// A number that is too large.
    OverflowError,
    /// A floating-point operation that failed.
    FloatingPointError,
    /// No memory is left.
    MemoryError,
    /// A time that is over, in Python or in the system.
    TimeoutError,
    /// An error of the operating system of another kind.
    OSError,
    /// A file that is not there.
    FileNotFoundError,
    /// A file that is there already.
    FileExistsError,
    /// A folder where a file was wanted.
    IsADirectoryError,
    /// A file where a folder was wanted.
    NotADirectoryError,
    /// Something that is not allowed.
    PermissionError,
    /// Something that would have to wait.
    BlockingIOError,
    /// A child process that is not there.
    ChildProcessError,
    /// A process that is not there.
    ProcessLookupError,
    /// A system call that a signal interrupted.
    InterruptedError,
    /// A connection of another kind that failed.
    ConnectionError,
    /// A pipe or socket whose other end is closed.
    BrokenPipeError,
    /// A connection that the other side gave up.
    ConnectionAbortedError,
    /// A connection that the other side refused.
    ConnectionRefusedError,
    /// A connection that the other side reset.
    ConnectionResetError,
    /// An input that ended early.
    EOFError,
    /// A name that a module has not got.
    ImportError,
    /// A module that is not there.
    ModuleNotFoundError,
    /// Source that is no Python.
    SyntaxError,
    /// Source that is indented wrongly.
    IndentationError,
    /// An error inside the interpreter.
    SystemError,
    /// A text that is wrong in another way.
    UnicodeError,
    /// Bytes that are no text.
    UnicodeDecodeError,
    /// A text that an encoding cannot say.
    UnicodeEncodeError,
    /// The end of an iterator, where none was expected.
    StopIteration,
    /// The end of an asynchronous iterator, where none was expected.
    StopAsyncIteration,
    /// An object that is gone.
    ReferenceError,
    /// A buffer that cannot be used so.
    BufferError,
    /// An exception of no kind in particular.
    Exception,
    /// Several exceptions at once.
    ExceptionGroup,
    /// Several exceptions at once, those that end programs among them.
    BaseExceptionGroup,
    /// `sys.exit()`.
    SystemExit,
    /// An interrupt from a keyboard, or `_thread.interrupt_main()`.
    KeyboardInterrupt,
    /// The end of a generator.
    GeneratorExit,
}

impl PythonException<'_> {
    /// Whether it is a lookup that failed: `KeyError`, `IndexError` or `LookupError`.
    pub fn is_lookup(&self) -> bool {
        matches!(self, Self::KeyError | Self::IndexError | Self::LookupError)
    }

    /// Whether arithmetic failed.
    pub fn is_arithmetic(&self) -> bool {
        matches!(self, Self::ArithmeticError | Self::ZeroDivisionError | Self::OverflowError | Self::FloatingPointError)
    }

    /// Whether a connection failed.
    pub fn is_connection(&self) -> bool {
        matches!(
            self,
            Self::ConnectionError
                | Self::BrokenPipeError
                | Self::ConnectionAbortedError
                | Self::ConnectionRefusedError
                | Self::ConnectionResetError
        )
    }

    /// Whether the operating system refused something, a connection among that.
    pub fn is_os(&self) -> bool {
        self.is_connection()
            || matches!(
                self,
                Self::OSError
                    | Self::FileNotFoundError
                    | Self::FileExistsError
                    | Self::IsADirectoryError
                    | Self::NotADirectoryError
                    | Self::PermissionError
                    | Self::BlockingIOError
                    | Self::ChildProcessError
                    | Self::ProcessLookupError
                    | Self::InterruptedError
                    | Self::TimeoutError
            )
    }

    /// Whether something could not be imported.
    pub fn is_import(&self) -> bool {
        matches!(self, Self::ImportError | Self::ModuleNotFoundError)
    }
}

impl std::fmt::Display for PythonException<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Exception {
    /// Its class.
    pub fn kind(&self) -> PythonException<'_> {
        PythonException::of_name(&self.type_name)
    }
}

impl Error {
    /// The class of the exception, when the tool raised one.
    ///
    /// ```no_run
    /// # use snakebridge::prelude::*;
    /// use snakebridge::error::PythonException;
    ///
    /// # async fn example(bridge: Bridge) -> Result<()> {
    /// match bridge.execute("sell", args! { item: "tea" }).await {
    ///     Err(error) if error.python() == Some(PythonException::KeyError) => println!("no such item"),
    ///     other => println!("{:?}", other?),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn python(&self) -> Option<PythonException<'_>> {
        self.exception().map(Exception::kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_its_variant_and_any_other_stays_a_name() {
        for name in ["ValueError", "ModuleNotFoundError", "Exception", "torch.OutOfMemoryError", ""] {
            assert_eq!(PythonException::of_name(name).name(), name);
        }
        assert_eq!(PythonException::of_name("TimeoutError"), PythonException::TimeoutError);
        assert_eq!(PythonException::of_name("my.ValueError"), PythonException::Other("my.ValueError"));
    }
}
