//! Values of SMB Direct negotiation that the wire puts into messages, and what must come of them.

/// Which message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The client's request: the server is on trial.
    Request,
    /// The server's response: the client is on trial.
    Response,
}

/// What the receiver must do (MS-SMBD 3.1.5.6, 3.1.5.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Accept,
    /// End the connection without an answer.
    Leave,
    /// Answer with STATUS_NOT_SUPPORTED.
    Refuse,
}

/// One attempt to mount, with one field rewritten under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vector {
    pub side: Side,
    pub field: &'static str,
    /// In the message, bytes.
    pub offset: u32,
    pub width: u8,
    pub value: u32,
    pub due: Due,
}

const fn request(field: &'static str, offset: u32, width: u8, value: u32, due: Due) -> Vector {
    let side = Side::Request;
    Vector {
        side,
        field,
        offset,
        width,
        value,
        due,
    }
}

const fn response(field: &'static str, offset: u32, width: u8, value: u32, due: Due) -> Vector {
    let side = Side::Response;
    Vector {
        side,
        field,
        offset,
        width,
        value,
        due,
    }
}

/// STATUS_NOT_SUPPORTED.
pub const NOT_SUPPORTED: u32 = 0xc000_00bb;

/// In the order of the attempts.
pub const VECTORS: &[Vector] = &[
    request("MaxReceiveSize", 12, 4, 127, Due::Leave),
    request("MaxReceiveSize", 12, 4, 128, Due::Accept),
    request("MaxReceiveSize", 12, 4, 129, Due::Accept),
    request("MaxFragmentedSize", 16, 4, 131_071, Due::Leave),
    request("MaxFragmentedSize", 16, 4, 131_072, Due::Accept),
    request("MaxFragmentedSize", 16, 4, 131_073, Due::Accept),
    request("CreditsRequested", 6, 2, 0, Due::Leave),
    request("CreditsRequested", 6, 2, 1, Due::Accept),
    request("MinVersion", 0, 2, 0x0101, Due::Refuse),
    request("MaxVersion", 2, 2, 0x00ff, Due::Refuse),
    request("PreferredSendSize", 8, 4, 64, Due::Accept),
    response("NegotiatedVersion", 4, 2, 0x0101, Due::Leave),
    response("CreditsRequested", 8, 2, 0, Due::Leave),
    response("CreditsGranted", 10, 2, 0, Due::Leave),
    response("Status", 12, 4, NOT_SUPPORTED, Due::Leave),
    response("PreferredSendSize", 20, 4, 1365, Due::Leave),
    response("MaxReceiveSize", 24, 4, 127, Due::Leave),
    response("MaxReceiveSize", 24, 4, 128, Due::Accept),
    response("MaxFragmentedSize", 28, 4, 131_071, Due::Leave),
    response("MaxFragmentedSize", 28, 4, 131_072, Due::Accept),
];

impl Vector {
    /// The rule of the wire that makes it of the attempt with this number: each attempt has a queue
    /// pair of its own, and negotiation is its first message.
    pub fn rule(&self, attempt: usize) -> String {
        let Vector {
            side,
            field,
            offset,
            width,
            value,
            ..
        } = self;
        let (from, what) = match side {
            Side::Request => ("h1", "request"),
            Side::Response => ("h0", "response"),
        };
        format!(
            "[[rule]]\nname = \"{what}: {field} {value}\"\naction = \"rewrite\"\n\
             class = \"data\"\nfrom = \"{from}\"\nqp = {attempt}\npsn = 0\n\
             field = \"payload\"\noffset = {offset}\nwidth = {width}\nlittle = true\n\
             value = {value}\n"
        )
    }
}
