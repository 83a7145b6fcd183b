//! Check and result types shared by every xoff arm.
